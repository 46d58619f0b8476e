import { describe, expect, it } from 'vitest'
import { addon } from '../../../src/native/addon.ts'

// JavaScript without types may pass anything: each argument of each function is tried with each of these, the others being
// right. `not` says which of them an argument takes after all.

const WRONG: Readonly<Record<string, unknown>> = {
  undefined: undefined,
  null: null,
  boolean: true,
  'negative number': -1e18,
  fraction: 1.5,
  NaN: Number.NaN,
  infinity: Number.POSITIVE_INFINITY,
  'huge number': 1e300,
  string: 'text',
  'text with a zero byte': 'a\0b',
  symbol: Symbol('s'),
  bigint: 1n,
  'empty object': {},
  array: [{}],
  function: () => undefined,
  'typed array': new Uint8Array(4),
  proxy: new Proxy({}, {}),
  'revoked proxy': revoked(),
}

function revoked(): object {
  const { proxy, revoke } = Proxy.revocable({}, {})
  revoke()
  return proxy
}

const nothing = (): void => undefined
const LISTEN = { family: 'inet', address: '127.0.0.1', port: 0, backlog: 1, reuseport: false, ipv6only: false }
const ACCEPT = { maxPerTurn: 1, counters: new Int32Array(1), slot: 0, restMs: 500 }

/** Arguments that are right in kind. The descriptor is one that nobody has: no call may do anything. */
const NO_FD = 2 ** 30
const TEXTS = ['string']
const RIGHT: Readonly<Record<string, readonly (readonly [value: unknown, not: readonly string[]])[]>> = {
  createSharedMemory: [
    ['name', TEXTS],
    [2 ** 52, []],
  ],
  mapShared: [
    [NO_FD, []],
    [4096, []],
  ],
  createLimitReqZone: [
    [NO_FD, []],
    [65536, []],
    ['name', TEXTS],
    ['key', TEXTS],
  ],
  openLimitReqZoneFile: [
    ['/none/zone', TEXTS],
    [65536, []],
    ['name', TEXTS],
    ['key', TEXTS],
    [false, ['boolean']],
  ],
  attachLimitReqZone: [
    [NO_FD, []],
    [65536, []],
    ['name', TEXTS],
  ],
  createLimitConnZone: [
    [NO_FD, []],
    [65536, []],
    ['name', TEXTS],
    ['key', TEXTS],
  ],
  attachLimitConnZone: [
    [NO_FD, []],
    [65536, []],
    ['name', TEXTS],
  ],
  connZoneCapacity: [
    [65536, []],
    [4, []],
  ],
  zoneCapacity: [
    [65536, []],
    [4, []],
  ],
  writeChannel: [
    [NO_FD, []],
    [1, []],
    [2, []],
    [3, []],
    [-1, []],
  ],
  watchChannel: [
    [NO_FD, []],
    [nothing, ['function']],
    [nothing, ['function']],
  ],
  peerUser: [[NO_FD, []]],
  watchEnd: [
    [NO_FD, []],
    [nothing, ['function']],
  ],
  openListeningSocket: [[LISTEN, []]],
  openDatagramSocket: [[{ family: 'inet', address: '127.0.0.1', port: 1 }, []]],
  setSocketOption: [
    [NO_FD, []],
    ['keepalive', []],
    [1, []],
  ],
  setBacklog: [
    [NO_FD, []],
    [1, []],
  ],
  steerConnections: [
    [NO_FD, []],
    [1, []],
  ],
  socketName: [[NO_FD, []]],
  createHeaderScanner: [[['', 'host'], []]],
  createPoller: [
    [Buffer.alloc(64 * 1024), []],
    [new Int32Array(8), []],
    [nothing, ['function']],
  ],
  createAcceptor: [
    [NO_FD, []],
    [ACCEPT, []],
    [nothing, ['function']],
    [nothing, ['function']],
  ],
  setCloexecFrom: [[NO_FD, []]],
  setCloexec: [
    [NO_FD, []],
    [true, ['boolean']],
  ],
  dup: [[NO_FD, []]],
  dup2: [
    [NO_FD, []],
    [NO_FD, []],
  ],
  close: [[NO_FD, []]],
  setResourceLimit: [
    ['nofile', []],
    [2 ** 52, []],
  ],
  setCpuAffinity: [[[2 ** 31 - 1], []]],
  buryUnknownChildren: [[[2 ** 31 - 1], []]],
  ignoreSignal: [[64, []]],
  watchSignals: [
    [[64], []],
    [nothing, ['function']],
  ],
  resolveHost: [['127.0.0.1', TEXTS]],
  strerror: [[1, []]],
  openZoneUse: [
    [NO_FD, []],
    [0, []],
  ],
  setZoneUse: [
    [NO_FD, []],
    [0, []],
  ],
  claimZone: [
    [NO_FD, []],
    [0, []],
  ],
  giveUpClaim: [
    [NO_FD, []],
    [0, []],
  ],
  createZoneFile: [
    ['/none/zone', TEXTS],
    [65536, []],
  ],
  replaceZoneFile: [
    ['/none/zone', TEXTS],
    [NO_FD, []],
    ['', TEXTS],
  ],
  publishZoneFile: [
    ['/none/zone', TEXTS],
    [NO_FD, []],
    ['', TEXTS],
  ],
  // These take a zone, which only the addon makes.
  setLimitReqSuccessor: [
    [{}, []],
    [{}, []],
  ],
  setLimitConnSuccessor: [
    [{}, []],
    [{}, []],
  ],
  moveZone: [[{}, []]],
  closeConnZone: [[{}, []]],
  followZone: [[{}, []]],
  followConnZone: [[{}, []]],
  releaseZone: [[{}, []]],
  zoneMark: [[{}, []]],
  connZoneMark: [[{}, []]],
  noteZoneClock: [[{}, []]],
  forceUnlockZone: [
    [{}, []],
    [1, []],
  ],
  forceUnlockConnZone: [
    [{}, []],
    [1, []],
  ],
  returnDeadHolds: [[{}, []]],
  returnHolds: [
    [{}, []],
    [1, []],
  ],
  connZoneStats: [[{}, []]],
  checkConnZone: [[{}, []]],
  compileConnLimits: [
    [[], []],
    [new Int32Array(1), []],
  ],
  // A handle that nobody has.
  releaseConnections: [[2 ** 30, []]],
  zoneStats: [[{}, []]],
  checkZone: [[{}, []]],
  compileLimits: [
    [[], []],
    [new Float64Array(2), []],
  ],
  compileLimitsAt: [
    [[], []],
    [new Float64Array(2), []],
  ],
  compileBucket: [[{}, []]],
  compileWindow: [[{}, []]],
  checkTogether: [
    [[{}], ['array']],
    [['key'], []],
    [new Float64Array(2), []],
    [new Float64Array(3), []],
  ],
  registerLimitName: [[{}, []]],
}

const WITHOUT_ARGUMENTS = ['createChannel', 'setDumpable', 'setsid', 'monotonicMs']
/** On the request path: they return a negative errno (test/unit/native/send.test.ts). */
const NEVER_THROWING = ['sendText', 'sendBytes', 'sendBoth', 'writeText']

function call(name: string, args: readonly unknown[]): unknown {
  const functions = addon as unknown as Readonly<Record<string, (...args: readonly unknown[]) => unknown>>
  return functions[name]?.(...args)
}

describe('wrong arguments', () => {
  it('are tried on every function of the addon', () => {
    expect([...Object.keys(RIGHT), ...WITHOUT_ARGUMENTS, ...NEVER_THROWING].sort()).toEqual(Object.keys(addon).sort())
  })

  for (const [name, parameters] of Object.entries(RIGHT)) {
    it(`of ${name} are TypeErrors that name the function`, () => {
      const right = parameters.map(([value]) => value)
      for (const [index, [, not]] of parameters.entries()) {
        for (const [kind, wrong] of Object.entries(WRONG)) {
          if (not.includes(kind)) continue
          const attempt = (): unknown => call(name, right.with(index, wrong))
          expect(attempt, `argument ${index}: ${kind}`).toThrow(TypeError)
          if (kind !== 'revoked proxy') expect(attempt, `argument ${index}: ${kind}`).toThrow(`${name}: "`)
        }
      }
      expect(() => call(name, [])).toThrow(TypeError)
    })
  }

  it('inside of options are TypeErrors that name the property', () => {
    const wrongOptions: readonly [name: string, property: string, args: (wrong: object) => readonly unknown[]][] = [
      ...Object.keys(LISTEN).map(
        (property) => ['openListeningSocket', property, (wrong: object) => [{ ...LISTEN, ...wrong }]] as const,
      ),
      ...Object.keys(ACCEPT).map(
        (property) =>
          ['createAcceptor', property, (wrong: object) => [NO_FD, { ...ACCEPT, ...wrong }, nothing, nothing]] as const,
      ),
    ].map(([name, property, args]) => [name, property, args])
    for (const [name, property, args] of wrongOptions) {
      for (const [kind, wrong] of Object.entries(WRONG)) {
        if (kind === 'boolean' && (property === 'reuseport' || property === 'ipv6only')) continue
        if (kind === 'string' && property === 'address') continue
        const attempt = (): unknown => call(name, args({ [property]: wrong }))
        expect(attempt, `${name} ${property}: ${kind}`).toThrow(`${name}: "options.${property}"`)
      }
    }
  })

  it('inside of lists and numbers out of range are TypeErrors', () => {
    expect(() => call('watchSignals', [[1, 'SIGHUP'], nothing])).toThrow('watchSignals: "signals[i]"')
    expect(() => call('ignoreSignal', [65])).toThrow(TypeError)
    expect(() => call('ignoreSignal', [0])).toThrow(TypeError)
    expect(() => call('close', [-1])).toThrow(TypeError)
    expect(() => call('close', [2 ** 31])).toThrow(TypeError)
    expect(() => call('writeChannel', [NO_FD, 1, 2, 3, -2])).toThrow(TypeError)
    expect(() => call('createSharedMemory', ['x', 0])).toThrow(TypeError)
    expect(() => call('openListeningSocket', [{ ...LISTEN, port: 65536 }])).toThrow(TypeError)
    expect(() => call('createAcceptor', [NO_FD, { ...ACCEPT, slot: 1 }, nothing, nothing])).toThrow(
      'createAcceptor: "options.slot" must be an integer from 0 to 0',
    )
  })

  it('whose property throws let that error through', () => {
    const trap = {
      get family(): string {
        throw new RangeError('trap')
      },
    }
    expect(() => call('openListeningSocket', [trap])).toThrow(new RangeError('trap'))
  })
})
