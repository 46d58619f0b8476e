// Users and groups by name, from /etc/passwd and /etc/group. Read like any file of the configuration, so that a worker
// finds the same numbers that the master found. Other name services (LDAP and the like) are not asked: Node offers no
// getpwnam, and a server should start without a network.

import { asSystemError } from './errno_text.ts'
import { ConfigError } from './error.ts'
import type { ConfigCursor } from './types.ts'

const PASSWD_FILE = '/etc/passwd'
const GROUP_FILE = '/etc/group'
/** For a master that runs as root without `user`. Debian's group of that user has a name of its own. */
const DEFAULT_USER = 'nobody'
const DEFAULT_GROUPS = ['nogroup', 'nobody']

/** As whom workers run when the master is root. */
export interface WorkerUser {
  readonly name: string
  readonly uid: number
  readonly gid: number
  /** Supplementary groups, `gid` among them: what initgroups would set. */
  readonly groups: readonly number[]
}

interface Group {
  readonly name: string
  readonly gid: number
  readonly members: readonly string[]
}

/** Throws whatever the source throws. */
type ReadFile = (fullName: string) => Buffer
type Fail = (message: string) => never

/** `user NAME [GROUP]` at the cursor; without GROUP the group has the user's name. */
export function readUser(cf: ConfigCursor): WorkerUser {
  const [, name = '', group = name] = cf.args
  return findUser(
    (fullName) => cf.readFile(fullName),
    name,
    [group],
    (message) => cf.fail(message),
  )
}

/** The user for when none is configured. A file that is not there names nobody. Throws ConfigError. */
export function defaultUser(readFile: ReadFile): WorkerUser {
  return findUser(
    (fullName) => readIfThere(readFile, fullName),
    DEFAULT_USER,
    DEFAULT_GROUPS,
    (message) => {
      throw new ConfigError(message)
    },
  )
}

function readIfThere(readFile: ReadFile, fullName: string): Buffer {
  try {
    return readFile(fullName)
  } catch (error) {
    if (asSystemError(error) === undefined) throw error
    return Buffer.alloc(0)
  }
}

/** The first of `groupNames` that exists is the user's group. */
function findUser(readFile: ReadFile, name: string, groupNames: readonly string[], fail: Fail): WorkerUser {
  const uid = uidOf(readFile(PASSWD_FILE), name) ?? fail(`getpwnam("${name}") failed`)
  const groups = parseGroups(readFile(GROUP_FILE))
  const gid =
    groupNames
      .map((wanted) => groups.find((group) => group.name === wanted)?.gid)
      .find((found) => found !== undefined) ?? fail(`getgrnam("${groupNames[0]}") failed`)
  const memberOf = groups.filter((group) => group.members.includes(name)).map((group) => group.gid)
  return { name, uid, gid, groups: [...new Set([gid, ...memberOf])] }
}

/** `name:password:uid:gid:...` per line. */
function uidOf(passwd: Buffer, wanted: string): number | undefined {
  for (const [name, , uid = ''] of fieldsOf(passwd)) {
    if (name === wanted && isId(uid)) return Number(uid)
  }
  return undefined
}

/** `name:password:gid:member,member` per line. */
function parseGroups(group: Buffer): Group[] {
  return fieldsOf(group)
    .filter(([, , gid = '']) => isId(gid))
    .map(([name = '', , gid, members = '']) => ({ name, gid: Number(gid), members: members.split(',') }))
}

function fieldsOf(file: Buffer): string[][] {
  const lines = file.toString('latin1').split('\n')
  return lines.filter((line) => line !== '' && !/^[#+-]/.test(line)).map((line) => line.split(':'))
}

function isId(text: string): boolean {
  return /^[0-9]+$/.test(text)
}
