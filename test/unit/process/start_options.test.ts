import { describe, expect, test } from 'vitest'
import { PACKAGE_FOLDER } from '../../../src/log/program.ts'
import { startOptions } from '../../../src/process/start_options.ts'

const NOTHING = { prefix: undefined, file: undefined, errorLog: undefined, directives: undefined }

describe('startOptions', () => {
  test('without options the files of the package are used', () => {
    expect(startOptions(NOTHING)).toEqual({
      prefix: PACKAGE_FOLDER,
      confFile: `${PACKAGE_FOLDER}config/sluice.conf`,
      confPrefix: `${PACKAGE_FOLDER}config/`,
      errorLog: `${PACKAGE_FOLDER}logs/error.log`,
      globals: undefined,
      isDefaultConf: true,
    })
  })

  test('the prefix gets a trailing slash, and relative names are behind it', () => {
    expect(startOptions({ ...NOTHING, prefix: '/srv', file: 'conf/a.conf', errorLog: 'e.log' })).toMatchObject({
      prefix: '/srv/',
      confFile: '/srv/conf/a.conf',
      confPrefix: '/srv/conf/',
      errorLog: '/srv/e.log',
      isDefaultConf: false,
    })
  })

  test('absolute names stand for themselves', () => {
    expect(startOptions({ ...NOTHING, prefix: '/x/', file: '/etc/a.conf', errorLog: '/var/e.log' })).toMatchObject({
      prefix: '/x/',
      confFile: '/etc/a.conf',
      confPrefix: '/etc/',
      errorLog: '/var/e.log',
    })
  })

  test('-e stderr is no file', () => {
    expect(startOptions({ ...NOTHING, errorLog: 'stderr' }).errorLog).toBe('')
  })

  test('npm start runs the default configuration', () => {
    expect(startOptions({ ...NOTHING, prefix: '.', file: 'config/sluice.conf' })).toMatchObject({
      confFile: `${process.cwd()}/config/sluice.conf`,
      isDefaultConf: true,
    })
  })

  test('a relative prefix is one below the current folder, wherever a worker goes later', () => {
    const here = process.cwd()
    expect(startOptions({ ...NOTHING, prefix: '.' })).toMatchObject({
      prefix: `${here}/`,
      confPrefix: `${here}/config/`,
    })
    expect(startOptions({ ...NOTHING, prefix: 'a/../b/' }).prefix).toBe(`${here}/b/`)
    expect(startOptions({ ...NOTHING, prefix: '/' }).prefix).toBe('/')
  })
})
