// The program as an operator calls it: exit codes, and what goes to stdout and what to stderr.

import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:net'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { makeStoryDir } from '../harness/server_process.ts'
import { SLUICE_MAIN } from '../harness/sluice.ts'
import { waitFor } from '../harness/wait_for.ts'

const { version } = JSON.parse(readFileSync(join(import.meta.dirname, '../../package.json'), 'utf8'))
const CONF = 'pid server.pid;\nevents { }\nhttp { include part.conf; }\n'

let dir: string

beforeEach(() => {
  dir = makeStoryDir({ 'server.conf': CONF })
  writeFileSync(join(dir, 'part.conf'), `server { listen unix:${dir}/http.sock; }\n`)
})

afterEach(() => rmSync(dir, { recursive: true }))

function sluice(...words: string[]): { status: number | null; stdout: string; stderr: string } {
  const result = spawnSync(process.execPath, [SLUICE_MAIN, ...words], { encoding: 'latin1', timeout: 20_000 })
  return { status: result.status, stdout: result.stdout, stderr: result.stderr }
}

const inDir = (...words: string[]) => sluice('-p', dir, '-c', 'server.conf', ...words)

describe('-v, -V and -h', () => {
  test.each(['-v', '--version'])('%s prints the version to stderr', (word) => {
    expect(sluice(word)).toEqual({ status: 0, stdout: '', stderr: `sluice version: sluice/${version}\n` })
  })

  test('-V says what it is built of', () => {
    const { status, stderr } = sluice('-V')
    expect(status).toBe(0)
    expect(stderr).toMatch(
      /^sluice version: .*\nbuilt with Node\.js .*\nbuilt with OpenSSL .*\n.*\nconfigure arguments: /,
    )
  })

  test.each(['-h', '-?', '--help'])('%s prints version and usage to stderr', (word) => {
    const { status, stdout, stderr } = sluice(word)
    expect({ status, stdout }).toEqual({ status: 0, stdout: '' })
    expect(stderr).toMatch(/^sluice version: .*\nUsage: sluice /)
  })
})

describe('a wrong command line', () => {
  test.each([
    [['-x'], 'invalid option: "x"'],
    [['word'], 'invalid option: "word"'],
    [['-c'], 'option "-c" requires file name'],
    [['-s', 'again'], 'invalid option: "-s again"'],
  ])('%j is told on stderr and ends with 1', (words, message) => {
    expect(sluice(...words)).toEqual({ status: 1, stdout: '', stderr: `sluice: ${message}\n` })
  })
})

describe('-t', () => {
  test('tells of success on stderr and leaves nothing running', () => {
    expect(inDir('-t')).toEqual({
      status: 0,
      stdout: '',
      stderr:
        `sluice: the configuration file ${dir}/server.conf syntax is ok\n` +
        `sluice: configuration file ${dir}/server.conf test is successful\n`,
    })
    // As with nginx, an empty pid file may stay.
    expect(readFileSync(join(dir, 'server.pid'), 'latin1')).toBe('')
  })

  test('tells how many keys a zone holds, and leaves its state file alone', () => {
    const zones = `limit_req_zone $uri zone=one:64k rate=1r/s state=one.state;
      limit_conn_zone $uri zone=two:64k;\n`
    writeFileSync(join(dir, 'part.conf'), zones)
    const { status, stderr } = inDir('-t')
    expect(status).toBe(0)
    expect(stderr).toMatch(/ syntax is ok\nsluice: zone "one" holds about \d+ keys of up to 16 bytes\nsluice: conf/)
    expect(existsSync(join(dir, 'one.state'))).toBe(false)
  })

  test('-q keeps it quiet', () => {
    expect(inDir('-tq')).toEqual({ status: 0, stdout: '', stderr: '' })
  })

  test('tells of a mistake with file and line and ends with 1', () => {
    writeFileSync(join(dir, 'part.conf'), '\nserver { listn 80; }\n')
    expect(inDir('-t')).toEqual({
      status: 1,
      stdout: '',
      stderr:
        `sluice: [emerg] unknown directive "listn" in ${dir}/part.conf:2\n` +
        `sluice: configuration file ${dir}/server.conf test failed\n`,
    })
  })

  test('a mistake in -g has no file', () => {
    const { status, stderr } = inDir('-t', '-g', 'nothing on;')
    expect(status).toBe(1)
    expect(stderr).toContain('sluice: [emerg] unknown directive "nothing" in command line\n')
  })

  test('a missing section is found after the syntax', () => {
    writeFileSync(join(dir, 'server.conf'), 'http { }\n')
    const { status, stderr } = inDir('-t')
    expect(status).toBe(1)
    expect(stderr).toContain('syntax is ok\nsluice: [emerg] no "events" section in configuration\n')
  })

  describe('with an address that is in use', () => {
    let other: Server

    beforeEach(async () => {
      other = createServer().listen(0, '127.0.0.1')
      await waitFor('the other server', () => other.listening)
    })
    afterEach(() => other.close())

    test('is successful, and removes the sockets that it made', () => {
      const { port } = other.address() as { port: number }
      const server = `server { listen 127.0.0.1:${port}; listen unix:${dir}/made.sock; }`
      writeFileSync(join(dir, 'part.conf'), server)
      expect(inDir('-t')).toMatchObject({ status: 0, stdout: '' })
      expect(existsSync(join(dir, 'made.sock'))).toBe(false)
    })
  })
})

describe('-T', () => {
  test('dumps each file once, in the order of opening, to stdout', () => {
    writeFileSync(join(dir, 'server.conf'), `${CONF}# include again\ninclude none*.conf;\n`)
    const { status, stdout, stderr } = inDir('-T')
    expect(status).toBe(0)
    expect(stderr).toContain('test is successful')
    const whole = readFileSync(join(dir, 'server.conf'), 'latin1')
    const part = readFileSync(join(dir, 'part.conf'), 'latin1')
    expect(stdout).toBe(
      `# configuration file ${dir}/server.conf:\n${whole}\n# configuration file ${dir}/part.conf:\n${part}\n`,
    )
  })
})

describe('-s', () => {
  test('without a pid file fails with 1', () => {
    const { status, stderr } = inDir('-s', 'stop')
    expect(status).toBe(1)
    expect(stderr).toBe(`sluice: [error] open() "${dir}/server.pid" failed (2: No such file or directory)\n`)
  })

  test('with nonsense in the pid file fails with 1', () => {
    writeFileSync(join(dir, 'server.pid'), 'nonsense\n')
    const { status, stderr } = inDir('-s', 'quit')
    expect(status).toBe(1)
    expect(stderr).toBe(`sluice: [error] invalid PID number "nonsense" in "${dir}/server.pid"\n`)
  })

  test('to a process that is gone fails with 1', () => {
    const { pid } = spawnSync('true')
    writeFileSync(join(dir, 'server.pid'), `${pid}\n`)
    const { status, stderr } = inDir('-s', 'reload')
    expect(status).toBe(1)
    expect(stderr).toBe(`sluice: [alert] kill(${pid}, 1) failed (3: No such process)\n`)
  })
})

describe('the built-in error log', () => {
  test('that cannot be opened is told, and stderr is used', () => {
    const { status, stderr } = inDir('-t', '-e', 'nowhere/error.log')
    expect(status).toBe(1)
    expect(stderr).toContain(
      `sluice: [alert] could not open error log file: open() "${dir}/nowhere/error.log" failed (2: No such file or directory)`,
    )
  })
})
