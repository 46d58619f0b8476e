// Writes docs/api.md out of the types of the package's entry points: every name that they export, with its comment and its
// declaration. `--write` writes it, without it the page goes to stdout; test/repo checks that it is not stale.

import { readFileSync, writeFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import ts from 'typescript'

const root = join(import.meta.dirname, '..')
const { exports: entries } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))

/** Name to import by, and source. */
const MODULES = Object.entries(entries)
  .filter(([, target]) => typeof target === 'object')
  .map(([path, { default: built }]) => ({
    name: path.replace(/^\./, 'sluice'),
    file: join(root, built.replace('./dist/', 'src/').replace(/\.js$/, '.ts')),
  }))

const config = ts.parseJsonConfigFileContent(
  ts.readConfigFile(join(root, 'tsconfig.json'), ts.sys.readFile).config,
  ts.sys,
  root,
)
const program = ts.createProgram(
  MODULES.map(({ file }) => file),
  config.options,
)
const checker = program.getTypeChecker()

const isOurs = (declaration) =>
  relative(join(root, 'src'), declaration.getSourceFile().fileName).startsWith('..') === false

/** The declaration that is documented: of what was exported, wherever it was written. */
function declarationOf(symbol) {
  const original = symbol.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(symbol) : symbol
  return original.declarations?.find(isOurs)
}

/** Interfaces of ours that a declaration extends, or is made of. */
function basesOf(declaration) {
  const bases = []
  const visit = (node) => {
    if (ts.isTypeReferenceNode(node) || ts.isExpressionWithTypeArguments(node)) {
      const symbol = checker.getSymbolAtLocation(node.typeName ?? node.expression)
      const base = symbol && declarationOf(symbol)
      if (base && ts.isInterfaceDeclaration(base)) bases.push(base)
    }
    ts.forEachChild(node, visit)
  }
  for (const clause of declaration.heritageClauses ?? []) visit(clause)
  if (ts.isTypeAliasDeclaration(declaration)) visit(declaration.type)
  return bases
}

/** The declaration as it would stand in a .d.ts, with the comments of its members and without its own. */
function codeOf(declaration) {
  const source = declaration.getSourceFile()
  const text = source.text
  if (ts.isFunctionDeclaration(declaration))
    return text.slice(declaration.getStart(), declaration.body.getStart()).trim()
  if (ts.isVariableDeclaration(declaration)) {
    const type = declaration.type?.getText() ?? checker.typeToString(checker.getTypeAtLocation(declaration))
    return `const ${declaration.name.text}: ${type}`
  }
  return text.slice(declaration.getStart(), declaration.end)
}

/** Paragraphs of the comment, and its tags as such. */
function commentOf(declaration) {
  const owner = ts.isVariableDeclaration(declaration) ? declaration.parent.parent : declaration
  const [comment] = ts.getJSDocCommentsAndTags(owner).filter(ts.isJSDoc)
  if (comment === undefined) return []
  const lines = []
  // A line break in the source is none in the page, except in lists.
  const flow = (text) => text.replace(/\n[ \t]*(?=[^-\s])/g, ' ').trim()
  if (comment.comment) lines.push(flow(ts.getTextOfJSDocComment(comment.comment)), '')
  const tags = comment.tags ?? []
  for (const tag of tags.filter((tag) => tag.tagName.text === 'example')) {
    lines.push('```js', ts.getTextOfJSDocComment(tag.comment).trim(), '```', '')
  }
  for (const tag of tags.filter((tag) => tag.tagName.text === 'throws')) {
    // The parser takes what follows for a type.
    lines.push(
      `Throws ${flow(
        tag
          .getText()
          .replace(/^@throws\s*/, '')
          .replace(/\s*\n\s*\*?\s*/g, '\n'),
      )}.`,
      '',
    )
  }
  return lines
}

const page = [
  '# API of the library',
  '',
  'Made out of the types by `npm run docs`; change the comments in `src/limiter` and `src/adapters`. What it is for, and how',
  'to begin: [README](../README.md#as-a-library); coming from another limiter: [migration](migration.md).',
  '',
]
const shown = new Set()

function show(name, declaration) {
  if (shown.has(declaration)) return
  shown.add(declaration)
  const kind = ts.isFunctionDeclaration(declaration) ? `${name}()` : name
  page.push(
    `### ${kind}`,
    '',
    ...commentOf(declaration),
    '```ts',
    codeOf(declaration).replace(/^export /, ''),
    '```',
    '',
  )
  for (const base of basesOf(declaration)) show(base.name.text, base)
}

for (const { name, file } of MODULES) {
  const module = checker.getSymbolAtLocation(program.getSourceFile(file))
  page.push(`## ${name}`, '')
  const symbols = checker.getExportsOfModule(module).map((symbol) => [symbol.name, declarationOf(symbol)])
  const isValue = ([, declaration]) => ts.isFunctionDeclaration(declaration) || ts.isVariableDeclaration(declaration)
  const rank = (entry) => (isValue(entry) ? 0 : 1)
  // What is called comes first; all else as it stands in the source.
  for (const [exported, declaration] of symbols.filter(([, found]) => found).sort((a, b) => rank(a) - rank(b))) {
    if (shown.has(declaration)) page.push(`\`${exported}\` as above.`, '')
    show(exported, declaration)
  }
}

const text = `${page.join('\n').trimEnd()}\n`
if (process.argv.includes('--write')) writeFileSync(join(root, 'docs/api.md'), text)
else process.stdout.write(text)
