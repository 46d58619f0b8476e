import { describe, expect, it } from 'vitest'
import { newLevel } from '../../../src/config/level.ts'
import { parseConfiguration } from '../../../src/config/parse.ts'
import { LiveSource } from '../../../src/config/source.ts'
import type { ConfigCursor, Level } from '../../../src/config/types.ts'
import { CONF_FILE, errorOf, errorOfText, ownerOf, parseText, wordsOwner } from './support.ts'

const LOOP = 1500

function blockOwner(): { owner: ReturnType<typeof ownerOf>; levels: Level[] } {
  const levels: Level[] = []
  const set = (cf: ConfigCursor): void => {
    const level = newLevel('main', cf.level)
    levels.push(level)
    cf.block(level)
  }
  return { owner: ownerOf('block', { block: true, args: 0, set }, 2), levels }
}

/** A block of words, as `types` or `map`. */
function mapOwner(): { owner: ReturnType<typeof ownerOf>; lines: string[] } {
  const lines: string[] = []
  const onLine = (cf: ConfigCursor): void => {
    if (cf.args[0] === 'bad') cf.fail('bad line')
    lines.push(`${cf.position.file}:${cf.position.line} ${cf.args.join('|')}`)
  }
  const set = (cf: ConfigCursor): void => cf.words(onLine)
  return { owner: ownerOf('map', { block: true, args: 0, set }, 3), lines }
}

describe('reading', () => {
  it('runs setters in file order, inside blocks too', () => {
    const { owner, seen } = wordsOwner()
    parseText('words 1; block { words 2; block { words 3; } } words 4;', { owners: [owner, blockOwner().owner] })
    expect(seen).toEqual([['1'], ['2'], ['3'], ['4']])
  })

  it('runs the setters before an error', () => {
    const { owner, seen } = wordsOwner()
    expect(errorOfText('words 1;\n}', { owners: [owner] })).toBe('unexpected "}" in /conf/main.conf:2')
    expect(seen).toEqual([['1']])
  })

  it('keeps levels, their parents and their places', () => {
    const { owner, levels } = blockOwner()
    const { root, positions } = parseText('block\n{\n\nblock { } }', { owners: [owner] })
    expect(levels.map((level) => positions.get(level)?.line)).toEqual([2, 4])
    expect(levels.map((level) => level.parent)).toEqual([root, levels[0]])
  })

  it('gives a directive the place where its words end', () => {
    const places: unknown[] = []
    const owner = ownerOf('d', { set: (cf) => places.push(cf.position) })
    parseText('d\n\n1\n;', { owners: [owner], globals: 'd 1;' })
    expect(places).toEqual([
      { file: undefined, line: 1 },
      { file: CONF_FILE, line: 4 },
    ])
  })

  it('fails at the line that has been reached: behind a block its last one', () => {
    const set = (cf: ConfigCursor): void => {
      cf.block(newLevel('main', cf.level))
      cf.failDirective('is empty')
    }
    const owner = ownerOf('d', { block: true, args: 0, set })
    expect(errorOfText('d {\n\n}\n', { owners: [owner] })).toBe('"d" directive is empty in /conf/main.conf:3')
  })

  it.each([
    ['}', 'unexpected "}" in /conf/main.conf:1'],
    ['block { } }', 'unexpected "}" in /conf/main.conf:1'],
    ['block {\n', 'unexpected end of file, expecting "}" in /conf/main.conf:2'],
    ['block { block { }', 'unexpected end of file, expecting "}" in /conf/main.conf:1'],
  ])('%j: %s', (text, error) => {
    expect(errorOfText(text, { owners: [blockOwner().owner] })).toBe(error)
  })

  it('fails without a place when the configuration file itself cannot be read', () => {
    const conf = { owners: [], source: new LiveSource(() => undefined), prefix: '/', confPrefix: '/' }
    const error = (confFile: string): string => errorOf(() => parseConfiguration({ ...conf, confFile }))
    expect(error('/nonexistent')).toBe('open() "/nonexistent" failed (2: No such file or directory)')
    expect(error('/')).toBe('pread() "/" failed (21: Is a directory)')
  })

  it('refuses blocks beyond any sense instead of running out of stack', () => {
    const text = `${'block {'.repeat(LOOP)}${'}'.repeat(LOOP)}`
    expect(errorOfText(text, { owners: [blockOwner().owner] })).toContain('more than 1000 blocks inside each other')
  })
})

describe('limits', () => {
  it('are those of nesting, not of the number of blocks and files', () => {
    const { owner, seen } = wordsOwner()
    const text = 'block { } include a;\n'.repeat(LOOP)
    parseText(text, { owners: [owner, blockOwner().owner], files: { '/conf/a': 'words;' } })
    expect(seen).toHaveLength(LOOP)
  })
})

describe('warnings', () => {
  it('are collected with their places, and told at once', () => {
    const owner = ownerOf('d', { set: (cf) => cf.warn(`odd ${cf.args[1]}`) })
    const told: string[] = []
    const onWarning = (text: string): void => {
      told.push(text)
    }
    const { warnings } = parseText('d 1;\nd 2;', { owners: [owner], globals: 'd 0;', onWarning })
    expect(warnings).toEqual(['odd 0 in command line', 'odd 1 in /conf/main.conf:1', 'odd 2 in /conf/main.conf:2'])
    expect(told).toEqual(warnings)
  })

  it('are told even when an error follows', () => {
    const owner = ownerOf('d', { set: (cf) => cf.warn('odd') })
    const told: string[] = []
    errorOfText('d 1; x;', { owners: [owner], onWarning: (text) => told.push(text) })
    expect(told).toEqual(['odd in /conf/main.conf:1'])
  })
})

describe('-g text', () => {
  it('is read before the file', () => {
    const { owner, seen } = wordsOwner()
    parseText('words file;', { owners: [owner], globals: 'words text; words 2;' })
    expect(seen).toEqual([['text'], ['2'], ['file']])
  })

  it.each([
    ['block { }', 'block directives are not supported in -g option in command line'],
    ['words', 'unexpected end of parameter, expecting ";" in command line'],
    ['}', 'unexpected "}" in command line'],
    ['x 1;', 'unknown directive "x" in command line'],
  ])('%j: %s', (globals, error) => {
    expect(errorOfText('', { owners: [blockOwner().owner, wordsOwner().owner], globals })).toBe(error)
  })

  it('may include files, whose errors have their own place', () => {
    expect(errorOfText('', { globals: 'include x;', files: { '/conf/x': '\nbad;' } })).toBe(
      'unknown directive "bad" in /conf/x:2',
    )
  })
})

describe('include', () => {
  it('is relative to the folder of the configuration', () => {
    const { owner, seen } = wordsOwner()
    const files = { '/conf/a': 'words a; include sub/b;', '/conf/sub/b': 'words b;', '/c': 'words c;' }
    parseText('include a; words main; include /c;', { owners: [owner], files })
    expect(seen).toEqual([['a'], ['b'], ['main'], ['c']])
  })

  it('goes on in the including file afterwards, at its line', () => {
    const owners = [wordsOwner().owner]
    expect(errorOfText('\ninclude a;\nbad;', { owners, files: { '/conf/a': '\n\n\nwords;\n' } })).toBe(
      'unknown directive "bad" in /conf/main.conf:3',
    )
  })

  it('works inside blocks, in their context', () => {
    const { owner, seen } = wordsOwner()
    parseText('block { include a; }', { owners: [owner, blockOwner().owner], files: { '/conf/a': 'words a;' } })
    expect(seen).toEqual([['a']])
  })

  it('needs balanced braces in the included file', () => {
    const owners = [blockOwner().owner]
    const files = { '/conf/close': '}', '/conf/open': 'block {' }
    expect(errorOfText('block { include close; }', { owners, files })).toBe('unexpected "}" in /conf/close:1')
    expect(errorOfText('include open; }', { owners, files })).toBe(
      'unexpected end of file, expecting "}" in /conf/open:1',
    )
  })

  it('reads all files of a pattern in its order, also none', () => {
    const { owner, seen } = wordsOwner()
    const files = { '/conf/d/a': 'words a;', '/conf/d/b': 'words b;' }
    const globs = { '/conf/d/*': ['/conf/d/a', '/conf/d/b'], '/conf/e/*': [] }
    parseText('include d/*; include e/*;', { owners: [owner], files, globs })
    expect(seen).toEqual([['a'], ['b']])
  })

  it.each([
    ['include;', 'invalid number of arguments in "include" directive in /conf/main.conf:1'],
    ['include a b;', 'invalid number of arguments in "include" directive in /conf/main.conf:1'],
    ['include a { }', 'directive "include" is not terminated by ";" in /conf/main.conf:1'],
  ])('%j: %s', (text, error) => {
    expect(errorOfText(text)).toBe(error)
  })

  it('of itself ends as if descriptors had run out', () => {
    expect(errorOfText('include main.conf;')).toBe(
      'open() "/conf/main.conf" failed (24: Too many open files) in /conf/main.conf:1',
    )
  })

  it('lists configuration files once, in the order of first opening', () => {
    const { configFiles } = parseText('include b; include a; include b;', {
      files: { '/conf/a': '# a', '/conf/b': '# b' },
    })
    expect([...configFiles].map(([name, bytes]) => `${name}: ${bytes.toString()}`)).toEqual([
      '/conf/main.conf: include b; include a; include b;',
      '/conf/b: # b',
      '/conf/a: # a',
    ])
  })
})

describe('a body of words', () => {
  it('is given line by line, with places', () => {
    const { owner, lines } = mapOwner()
    parseText('map {\na b;\n"c\nd" e; }', { owners: [owner] })
    expect(lines).toEqual(['/conf/main.conf:2 a|b', '/conf/main.conf:4 c\nd|e'])
  })

  it('follows include first', () => {
    const { owner, lines } = mapOwner()
    parseText('map { include x; c; }', { owners: [owner], files: { '/conf/x': '\na;' } })
    expect(lines).toEqual(['/conf/x:2 a', '/conf/main.conf:1 c'])
  })

  it('leaves an include with another number of words to its owner', () => {
    const { owner, lines } = mapOwner()
    parseText('map { include; include a b; }', { owners: [owner] })
    expect(lines).toEqual(['/conf/main.conf:1 include', '/conf/main.conf:1 include|a|b'])
  })

  it('has no blocks', () => {
    expect(errorOfText('map { a { } }', { owners: [mapOwner().owner] })).toBe('unexpected "{" in /conf/main.conf:1')
  })

  it('fails in the file of the line', () => {
    const options = { owners: [mapOwner().owner], files: { '/conf/x': 'a;\n\nbad;' } }
    expect(errorOfText('map { include x; }', options)).toBe('bad line in /conf/x:3')
    expect(errorOfText('map { a;', options)).toBe('unexpected end of file, expecting "}" in /conf/main.conf:1')
  })
})

describe('the cursor', () => {
  it('completes names with the prefix that is asked for', () => {
    const names: string[] = []
    const set = (cf: ConfigCursor): void => {
      names.push(cf.fullName('a', 'conf'), cf.fullName('a', 'prefix'), cf.fullName('/a', 'conf'))
    }
    parseText('d 1;', { owners: [ownerOf('d', { set })] })
    expect(names).toEqual(['/conf/a', '/prefix/a', '/a'])
  })

  it('reads files and resolves hosts through the source', () => {
    const seen: unknown[] = []
    const set = (cf: ConfigCursor): void => {
      seen.push(cf.readFile('/k').toString(), cf.resolveHost('h'), cf.resolveHost('none'), cf.facts.cpus)
    }
    const options = { files: { '/k': 'key' }, hosts: { h: ['127.0.0.1'], none: undefined } }
    parseText('d 1;', { owners: [ownerOf('d', { set })], ...options })
    expect(seen).toEqual(['key', ['127.0.0.1'], undefined, 4])
  })

  it('reaches the settings of other owners at its level', () => {
    const owners = [
      ownerOf('d', { set: (cf) => Object.assign(cf.own({ id: 12 }), { from: 'd' }) }, 11),
      ownerOf('e', {}, 12),
    ]
    expect(parseText('d 1;', { owners }).root.own[12]).toEqual({ from: 'd' })
  })
})
