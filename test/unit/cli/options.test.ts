import { describe, expect, test } from 'vitest'
import { parseOptions, UsageError } from '../../../src/cli/options.ts'

describe('parseOptions', () => {
  test('without words everything is off and unset', () => {
    expect(parseOptions([])).toEqual({
      showHelp: false,
      showVersion: false,
      showBuild: false,
      test: false,
      dump: false,
      quiet: false,
      signal: undefined,
      prefix: undefined,
      errorLog: undefined,
      file: undefined,
      directives: undefined,
    })
  })

  test('options may be clustered', () => {
    expect(parseOptions(['-tq'])).toMatchObject({ test: true, quiet: true, dump: false })
  })

  test('a value is the rest of its word or the next word', () => {
    expect(parseOptions(['-cmy.conf', '-p', 'dir'])).toMatchObject({ file: 'my.conf', prefix: 'dir' })
    expect(parseOptions(['-tcmy.conf'])).toMatchObject({ test: true, file: 'my.conf' })
  })

  test('-T tests and dumps', () => {
    expect(parseOptions(['-T'])).toMatchObject({ test: true, dump: true })
  })

  test.each(['-h', '-?', '--help'])('%s shows the help', (word) => {
    expect(parseOptions([word])).toMatchObject({ showHelp: true, showVersion: true, showBuild: false })
  })

  test.each(['-v', '--version'])('%s shows the version alone', (word) => {
    expect(parseOptions([word])).toMatchObject({ showHelp: false, showVersion: true, showBuild: false })
  })

  test.each([
    [['--test', '--quiet'], { test: true, quiet: true, dump: false }],
    [['--dump'], { test: true, dump: true }],
    [['--build-info'], { showVersion: true, showBuild: true }],
    [['--config=my.conf', '--prefix', 'dir', '-t'], { file: 'my.conf', prefix: 'dir', test: true }],
    [['--error-log', '--signal', '-s', 'quit'], { errorLog: '--signal', signal: 'quit' }],
    [['--directives=env A=b;', '--signal', 'reload'], { directives: 'env A=b;', signal: 'reload' }],
  ])('%j: long forms mean the same', (words, expected) => {
    expect(parseOptions(words)).toMatchObject(expected)
  })

  test('-V shows the build too', () => {
    expect(parseOptions(['-V'])).toMatchObject({ showVersion: true, showBuild: true })
  })

  test.each(['stop', 'quit', 'reopen', 'reload'])('-s takes %s', (word) => {
    expect(parseOptions(['-s', word]).signal).toBe(word)
  })

  test.each([
    [['start'], 'invalid option: "start"'],
    [['-x'], 'invalid option: "x"'],
    [['-tx'], 'invalid option: "x"'],
    [['--worker'], 'invalid option: "--worker"'],
    [['--tset=x'], 'invalid option: "--tset"'],
    [['--constructor'], 'invalid option: "--constructor"'],
    [['--test=yes'], 'option "--test" takes no value'],
    [['--config'], 'option "--config" requires file name'],
    [['--prefix='], 'option "--prefix" requires directory name'],
    [['--signal=again'], 'invalid option: "-s again"'],
    [['-c'], 'option "-c" requires file name'],
    [['-e'], 'option "-e" requires file name'],
    [['-p'], 'option "-p" requires directory name'],
    [['-p', ''], 'option "-p" requires directory name'],
    [['-g'], 'option "-g" requires parameter'],
    [['-s'], 'option "-s" requires parameter'],
    [['-s', 'restart'], 'invalid option: "-s restart"'],
  ])('%j is refused', (words, message) => {
    expect(() => parseOptions(words)).toThrow(new UsageError(message))
  })
})
