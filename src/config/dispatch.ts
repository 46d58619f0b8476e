// From a directive's name to its setter: the table of all declared directives and the checks that come before a setter
// runs, in nginx's order (context, body, number of words), with nginx's texts.
// A name may be declared several times, for other contexts; the first declaration that allows the current one is used.

import type { Cursor } from './cursor.ts'
import type { Arity, ConfigOwner, Context, Directive } from './types.ts'

interface Declaration {
  readonly owner: ConfigOwner
  // biome-ignore lint/suspicious/noExplicitAny: as in ConfigOwner, the owners of a table differ in their Conf.
  readonly directive: Directive<any>
}

/** Name of the one directive that is no owner's: the reader itself follows it, in every context. */
export const INCLUDE = 'include'

export class Dispatcher {
  readonly #declarations = new Map<string, Declaration[]>()

  /** Throws TypeError on a mistake of the program: two owners with one id, or a name that is taken. */
  constructor(owners: readonly ConfigOwner[]) {
    const ownersById = new Map<number, ConfigOwner>()
    for (const owner of owners) {
      const other = ownersById.get(owner.id)
      if (other !== undefined)
        throw new TypeError(`owners ${other.name} and ${owner.name} have the same id ${owner.id}`)
      ownersById.set(owner.id, owner)
      for (const [name, directive] of Object.entries(owner.directives)) this.#declare(name, { owner, directive })
    }
  }

  /** Runs the setter of the directive at the cursor; `hasBody` when `{` and not `;` ended its words. */
  dispatch(cf: Cursor, hasBody: boolean): void {
    const name = cf.args[0] ?? ''
    const declarations = this.#declarations.get(name)
    if (declarations === undefined) cf.fail(`unknown directive "${name}"`)
    const declaration = declarations.find(({ directive }) => directive.in.includes(cf.level.context))
    if (declaration === undefined) cf.fail(`"${name}" directive is not allowed here`)

    const { owner, directive } = declaration
    checkForm(cf, directive.block === true, hasBody, directive.args)
    directive.set(cf, cf.own(owner))
    cf.assertBodyRead()
  }

  #declare(name: string, declaration: Declaration): void {
    if (name === INCLUDE) throw new TypeError(`${declaration.owner.name} declares "include", which is the reader's`)
    const declared = this.#declarations.get(name)
    if (declared === undefined) {
      this.#declarations.set(name, [declaration])
      return
    }
    const clash = declared.find((other) => commonContext(other.directive.in, declaration.directive.in))
    if (clash !== undefined) {
      throw new TypeError(`"${name}" is declared by ${clash.owner.name} and ${declaration.owner.name} for one context`)
    }
    declared.push(declaration)
  }
}

/** Checks body and number of words of the directive at the cursor. */
export function checkForm(cf: Cursor, isBlock: boolean, hasBody: boolean, arity: Arity): void {
  const name = cf.args[0] ?? ''
  if (hasBody && !isBlock) cf.fail(`directive "${name}" is not terminated by ";"`)
  if (isBlock && !hasBody) cf.fail(`directive "${name}" has no opening "{"`)
  if (!arityAllows(arity, cf.args.length - 1)) cf.fail(`invalid number of arguments in "${name}" directive`)
}

function arityAllows(arity: Arity, count: number): boolean {
  if (arity === 'flag') return count === 1
  if (typeof arity === 'number') return count === arity
  return count >= arity[0] && count <= arity[1]
}

function commonContext(some: readonly Context[], others: readonly Context[]): boolean {
  return some.some((context) => others.includes(context))
}
