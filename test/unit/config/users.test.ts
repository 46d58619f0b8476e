import { expect, it } from 'vitest'
import { systemErrorOf } from '../../../src/config/errno_text.ts'
import type { ConfigCursor } from '../../../src/config/types.ts'
import { defaultUser, readUser, type WorkerUser } from '../../../src/config/users.ts'
import { errorOf, errorOfText, ownerOf, parseText } from './support.ts'

const PASSWD = '# comment\n\nweb:x:33:34:Web:/:/bin/sh\nbroken:x::34::/:\n+nis\n'
const GROUP = 'web:x:50:\nshared:x:51:other,web\nlogs:x:52:webmaster\n'

function find(args: string): WorkerUser | undefined {
  let user: WorkerUser | undefined
  const set = (cf: ConfigCursor): void => {
    user = readUser(cf)
  }
  const owners = [ownerOf('user', { args: [1, 2], set })]
  parseText(`user ${args};`, { owners, files: { '/etc/passwd': PASSWD, '/etc/group': GROUP } })
  return user
}

it('the group is the one of the same name, not the one in the password file', () => {
  expect(find('web')).toEqual({ name: 'web', uid: 33, gid: 50, groups: [50, 51] })
})

it('a named group comes first and once', () => {
  expect(find('web shared')).toEqual({ name: 'web', uid: 33, gid: 51, groups: [51] })
})

it('numbers, broken lines and comments are no names', () => {
  for (const name of ['33', 'broken', '"# comment"', '+nis', '""']) {
    expect(errorOf(() => find(name))).toContain(`getpwnam("${name.replaceAll('"', '')}") failed`)
  }
})

it('a password file that cannot be read is told by its name', () => {
  const owners = [ownerOf('user', { set: (cf) => void cf.readFile('/nowhere/passwd') })]
  expect(errorOfText('user web;', { owners })).toContain('open() "/nowhere/passwd" failed (2: No such file')
})

it('the default user needs its files', () => {
  const missing = (): never => {
    throw Object.assign(new Error('missing'), systemErrorOf('ENOENT'))
  }
  expect(errorOf(() => defaultUser(missing))).toBe('getpwnam("nobody") failed')
  expect(() =>
    defaultUser(() => {
      throw new TypeError('a mistake of ours')
    }),
  ).toThrow('a mistake of ours')
})
