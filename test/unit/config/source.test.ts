import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { deserialize, serialize } from 'node:v8'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { parseConfiguration } from '../../../src/config/parse.ts'
import { type ConfigSource, currentFacts, LiveSource, latin1Of, SnapshotSource } from '../../../src/config/source.ts'
import type { ConfigCursor } from '../../../src/config/types.ts'
import { ownerOf } from './support.ts'

let dir = ''
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'sluice-source-'))
})
afterEach(() => {
  rmSync(dir, { recursive: true })
})

const write = (name: string, text: string | Buffer): void => writeFileSync(join(dir, name), text)
const noHosts = (): undefined => undefined

describe('the live source', () => {
  it('reads a file once', () => {
    write('a', 'first')
    const source = new LiveSource(noHosts)
    expect(source.readFile(`${dir}/a`).toString()).toBe('first')
    write('a', 'second')
    expect(source.readFile(`${dir}/a`).toString()).toBe('first')
    expect([...source.snapshot.files.keys()]).toEqual([`${dir}/a`])
  })

  it('throws the system errors, records them and stays with them', () => {
    const source = new LiveSource(noHosts)
    expect(() => source.readFile(`${dir}/none`)).toThrow(expect.objectContaining({ code: 'ENOENT' }))
    expect(() => source.readFile(dir)).toThrow(expect.objectContaining({ code: 'EISDIR' }))
    write('none', 'too late')
    expect(() => source.readFile(`${dir}/none`)).toThrow(expect.objectContaining({ code: 'ENOENT' }))
    expect([...source.snapshot.failures.values()].map(({ code }) => code)).toEqual(['ENOENT', 'EISDIR'])
  })

  it('takes names as bytes', () => {
    const name = Buffer.from([0x66, 0xff, 0xe4])
    writeFileSync(Buffer.concat([Buffer.from(`${dir}/`), name]), 'bytes')
    const source = new LiveSource(noHosts)
    expect(source.readFile(`${dir}/${name.toString('latin1')}`).toString()).toBe('bytes')
    expect(source.glob(`${dir}/f*`)).toEqual([`${dir}/f\xff\xe4`])
  })

  it('ends a name at a zero byte, as C does', () => {
    write('a', 'x')
    expect(new LiveSource(noHosts).readFile(`${dir}/a\0b`).toString()).toBe('x')
  })

  it('lists files by patterns, broken links among them, and remembers the list', () => {
    write('b.conf', '')
    write('a.conf', '')
    write('.c.conf', '')
    mkdirSync(join(dir, 'sub'))
    write('sub/x.conf', '')
    symlinkSync('nowhere', join(dir, 'z.conf'))
    const source = new LiveSource(noHosts)
    const names = ['a.conf', 'b.conf', 'z.conf'].map((name) => `${dir}/${name}`)
    expect(source.glob(`${dir}/*.conf`)).toEqual(names)
    expect(source.glob(`${dir}/*/x.conf`)).toEqual([`${dir}/sub/x.conf`])
    expect(source.glob(`${dir}/*/y.conf`)).toEqual([])
    write('d.conf', '')
    expect(source.glob(`${dir}/*.conf`)).toEqual(names)
  })

  it('resolves a host once, also when it is not found', () => {
    const asked: string[] = []
    const source = new LiveSource((host) => {
      asked.push(host)
      return host === 'known' ? ['10.0.0.1'] : undefined
    })
    for (const host of ['known', 'known', 'unknown', 'unknown']) source.resolveHost(host)
    expect(asked).toEqual(['known', 'unknown'])
    expect(source.resolveHost('known')).toEqual(['10.0.0.1'])
    expect(source.resolveHost('unknown')).toBeUndefined()
  })

  it('knows the machine', () => {
    const facts = currentFacts()
    expect(facts.cpus).toBeGreaterThan(0)
    expect(facts.hostname).toBe(facts.hostname.toLowerCase())
    expect(new LiveSource(noHosts).facts).toEqual(facts)
  })
})

describe('the snapshot', () => {
  function parse(source: ConfigSource): unknown[] {
    const seen: unknown[] = []
    const set = (cf: ConfigCursor): void => {
      seen.push(cf.args[1], cf.resolveHost('h'), cf.readFile(cf.fullName('key', 'conf')).toString('hex'), cf.facts)
      try {
        cf.readFile('/none')
      } catch (error) {
        seen.push((error as Error).message)
      }
    }
    const conf = { source, confFile: `${dir}/main`, prefix: `${dir}/`, confPrefix: `${dir}/` }
    const parsed = parseConfiguration({ owners: [ownerOf('d', { set })], ...conf })
    return [...seen, [...parsed.configFiles.keys()]]
  }

  it('lets another process read the same without the disk', () => {
    write('main', 'd 1; include *.inc; include none*;')
    write('a.inc', 'd 2;')
    write('key', Buffer.from([0, 0xff]))
    const live = new LiveSource(() => ['::1'], { euid: 0, hostname: 'first', cpus: 3, cpuNumbers: [0, 1, 2] })
    const first = parse(live)
    rmSync(dir, { recursive: true })
    mkdirSync(dir)

    expect(parse(new SnapshotSource(deserialize(serialize(live.snapshot))))).toEqual(first)
    expect(parse(new SnapshotSource(structuredClone(live.snapshot)))).toEqual(first)
    expect(first).toContain('open() "/none" failed (2: No such file or directory) in '.concat(`${dir}/main:1`))
  })

  it('never answers what the first reader did not ask', () => {
    const source = new SnapshotSource(new LiveSource(noHosts).snapshot)
    expect(() => source.readFile('/etc/passwd')).toThrow('"/etc/passwd" is not in the snapshot')
    expect(() => source.glob('/etc/*')).toThrow('"/etc/*" is not in the snapshot')
    expect(() => source.resolveHost('localhost')).toThrow('host "localhost" is not in the snapshot')
  })
})

it('a decoded text becomes bytes again', () => {
  expect(latin1Of('/ä')).toBe('/\xc3\xa4')
})
