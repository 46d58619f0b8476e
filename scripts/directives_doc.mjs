// Writes docs/directives.md out of the declarations of the built program: every directive with its contexts and arguments,
// every variable, by owner. `--write` writes it, without it the page goes to stdout; test/repo checks that it is not stale.

import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'

const root = join(import.meta.dirname, '..')
const load = (file) => import(pathToFileURL(join(root, 'dist', file.replace(/\.ts$/, '.js'))).href)

/** Sources that declare owners, in the order of the page. */
const SOURCES = [
  'config/core_directives.ts',
  'config/events_directives.ts',
  'http/core_module.ts',
  ...readdirSync(join(root, 'src/modules'), { withFileTypes: true })
    .map((entry) => (entry.isDirectory() ? `modules/${entry.name}/index.ts` : `modules/${entry.name}`))
    .filter((name) => name !== 'modules/index.ts')
    .sort(),
]

const TITLES = {
  'config/core_directives.ts': 'main context',
  'config/events_directives.ts': 'events',
  'http/core_module.ts': 'http core',
}

const isOwner = (value) => typeof value === 'object' && value !== null && 'directives' in value && 'name' in value

/** `1`, `1–3`, `2 or more`, `on | off`. */
function argumentText(arity, block) {
  const text =
    arity === 'flag'
      ? '`on` or `off`'
      : typeof arity === 'number'
        ? arity === 0
          ? 'none'
          : String(arity)
        : arity[1] === Number.POSITIVE_INFINITY
          ? `${arity[0]} or more`
          : `${arity[0]}–${arity[1]}`
  return block ? `${text}, then a block` : text
}

const CONTEXT_TEXT = { if_server: '`if` in server', if_location: '`if` in location' }
const contextText = (context) => CONTEXT_TEXT[context] ?? context

/** The doc comment in front of the declaration of `name`, or the first sentence of the file's own comment. */
function description(file, name) {
  const text = readFileSync(join(root, 'src', file), 'utf8')
  const declared = new RegExp(`/\\*\\*((?:(?!\\*/)[\\s\\S])*)\\*/\\s*export const ${name}\\b`).exec(text)
  const lines = declared
    ? declared[1].split('\n').map((line) => line.replace(/^\s*\*\s?/, ''))
    : (/^((?:\/\/.*\n)+)/.exec(text)?.[1] ?? '').split('\n').map((line) => line.replace(/^\/\/ ?/, ''))
  const whole = lines.join(' ').replace(/\s+/g, ' ').trim()
  return declared ? whole : (/^.*?\.(?= |$)/.exec(whole)?.[0] ?? whole)
}

function directiveTable(owner) {
  const rows = Object.entries(owner.directives)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, { in: contexts, args, block, set }]) => {
      const mark = /^\(\) ?=> ?undefined$/.test(String(set)) ? ' ¹' : ''
      return `| \`${name}\`${mark} | ${argumentText(args, block)} | ${contexts.map(contextText).join(', ')} |`
    })
  return ['| directive | arguments | allowed in |', '| --- | --- | --- |', ...rows]
}

function variableLine(owner) {
  const names = Object.keys(owner.variables ?? {}).map((name) => `\`$${name}\``)
  const families = Object.keys(owner.variableFamilies ?? {}).map((prefix) => `\`$${prefix}\`*name*`)
  const all = [...names.sort(), ...families.sort()]
  return all.length === 0 ? [] : ['', `Variables: ${all.join(', ')}.`]
}

/** The whole page. */
async function page() {
  const out = [
    '# Directives',
    '',
    'Made by `npm run docs` from the declarations in `src/`; do not edit. A directive means what it means in nginx, unless',
    'ARCHITECTURE.md says otherwise. `include` is allowed everywhere. ¹ = accepted without effect: what it sets has no',
    'counterpart in a Node process.',
  ]
  for (const file of SOURCES) {
    for (const [name, owner] of Object.entries(await load(file))) {
      if (!isOwner(owner)) continue
      if (Object.keys(owner.directives).length === 0 && Object.keys(owner.variables ?? {}).length === 0) continue
      out.push('', `## ${TITLES[file] ?? owner.name}`, '', description(file, name), '')
      if (Object.keys(owner.directives).length > 0) out.push(...directiveTable(owner))
      out.push(...variableLine(owner))
    }
  }
  return `${out.join('\n')}\n`
}

const text = await page()
if (process.argv.includes('--write')) writeFileSync(join(root, 'docs/directives.md'), text)
else process.stdout.write(text)
