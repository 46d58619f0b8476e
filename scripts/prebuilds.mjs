// Builds the addon for all systems that the package serves, on Debian with its cross packages:
//
//   npm run prebuilds                      all four, into prebuilds/
//   npm run prebuilds -- linux-x64-musl     some of them
//   npm run rebuild                        for this machine only, where there is no prebuild, or none that loads
//
// One binary for each processor and C library: no libstdc++ (native/binding/cxx_runtime.cc), no symbol of glibc newer than
// 2.28 (native/binding/glibc_compat.cc), and for musl not even its name: its symbols are those of the process. What comes
// out is checked for all that before it counts. Needs g++, for arm64 g++-aarch64-linux-gnu; musl's headers are taken from
// Debian's packages by apt-get, without installing anything, unless the machine runs on musl itself.

import { execFileSync, spawn } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, rmSync, symlinkSync } from 'node:fs'
import { availableParallelism, homedir } from 'node:os'
import { basename, dirname, join } from 'node:path'
import { parseArgs } from 'node:util'

const ROOT = join(import.meta.dirname, '..')
const WORK = join(ROOT, 'build/prebuild')
const NEWEST_GLIBC = [2, 28]

const CROSS = { x64: 'x86_64-linux-gnu', arm64: 'aarch64-linux-gnu' }
const MUSL = { x64: 'x86_64-linux-musl', arm64: 'aarch64-linux-musl' }
const DEBIAN = { x64: 'amd64', arm64: 'arm64' }
const TARGETS = ['linux-x64-glibc', 'linux-arm64-glibc', 'linux-x64-musl', 'linux-arm64-musl']

const { values, positionals } = parseArgs({
  options: { host: { type: 'boolean', default: false } },
  allowPositionals: true,
})
const wanted = values.host ? [hostTarget()] : positionals.length > 0 ? positionals : TARGETS
for (const target of wanted) {
  if (!TARGETS.includes(target)) throw new Error(`no target "${target}": ${TARGETS.join(', ')}`)
}
for (const target of wanted) process.stdout.write(`${await build(target)}\n`)

/** @returns {Promise<string>} the file */
async function build(target) {
  const [, arch, libc] = target.split('-')
  const compiler = compilerFor(arch)
  const flags = [
    ...['-std=c++17', '-O3', '-fPIC', '-fvisibility=hidden', '-fno-exceptions', '-fno-rtti', '-ffunction-sections'],
    ...['-DNAPI_VERSION=9', '-D_FILE_OFFSET_BITS=64', '-DBUILDING_NODE_EXTENSION'],
    ...['-Wall', '-Wextra', '-Wshadow', '-Wconversion', `-I${join(ROOT, 'native')}`],
    ...['-isystem', nodeHeaders()],
    // On a system of musl's own the compiler has its headers.
    ...(libc === 'musl' && target !== hostTarget() ? muslHeaders(arch, compiler) : []),
  ]
  const out = join(WORK, target)
  rmSync(out, { recursive: true, force: true })
  mkdirSync(out, { recursive: true })
  const sources = ['core', 'os', 'binding'].flatMap((part) =>
    readdirSync(join(ROOT, 'native', part))
      .filter((name) => name.endsWith('.cc'))
      .map((name) => join(ROOT, 'native', part, name)),
  )
  const objects = sources.map((source) => join(out, `${basename(dirname(source))}_${basename(source)}.o`))
  await eachOf(sources, (source, i) => run(compiler, [...flags, '-c', source, '-o', objects[i]]))

  const file = join(ROOT, 'prebuilds', `linux-${arch}`, `sluice.napi.${libc}.node`)
  mkdirSync(dirname(file), { recursive: true })
  await run(compiler, [
    ...[
      '-shared',
      '-nostdlib',
      '-s',
      '-o',
      file,
      ...objects,
      `-Wl,--version-script=${ROOT}/native/binding/exports.map`,
    ],
    ...['-Wl,--gc-sections', '-Wl,-z,relro,-z,now', '-Wl,--build-id=sha1'],
    ...[printed(compiler, '-print-file-name=crtbeginS.o'), printed(compiler, '-print-file-name=crtendS.o')],
    // For glibc its versions must be in the file; for musl there are none.
    ...(libc === 'glibc' ? ['-lc'] : []),
    '-lgcc',
  ])
  check(file, libc, arch)
  return file
}

/** Throws when the file would need something that not every system has. */
function check(file, libc, arch) {
  const readelf = (...args) => execFileSync('readelf', ['-W', ...args, file], { encoding: 'utf8' })
  const needed = [...readelf('-d').matchAll(/\(NEEDED\).*\[(.*)\]/g)].map((match) => match[1])
  const allowed = libc === 'glibc' ? /^(libc\.so\.6|ld-linux-(x86-64|aarch64)\.so\.[12])$/ : /^$/
  const foreign = needed.filter((name) => !allowed.test(name))
  if (foreign.length > 0) throw new Error(`${file} needs ${foreign.join(', ')}`)
  const symbols = readelf('--dyn-syms')
  const tooNew = [...symbols.matchAll(/(\S+)@+GLIBC_(\d+)\.(\d+)/g)].filter(
    ([, , major, minor]) => Number(major) !== NEWEST_GLIBC[0] || Number(minor) > NEWEST_GLIBC[1],
  )
  if (tooNew.length > 0) throw new Error(`${file} is too new: ${tooNew.map(([text]) => text).join(', ')}`)
  const ofLibstdcxx = symbols.match(/\S+@+(GLIBCXX|CXXABI)_\S+|\bUND _Z\S+|\bUND __cxa_(?!finalize)\S+/g)
  if (ofLibstdcxx !== null) throw new Error(`${file} needs libstdc++: ${ofLibstdcxx.join(', ')}`)
  const machine = { x64: 'X86-64', arm64: 'AArch64' }[arch]
  if (!readelf('-h').includes(machine)) throw new Error(`${file} is not for ${arch}`)
}

function compilerFor(arch) {
  if (arch === process.arch) return process.env['CXX'] ?? 'g++'
  return `${CROSS[arch]}-g++`
}

/** Of any Node from 20 on: Node-API 9 and what is used of libuv are the same in all, and for all processors. */
function nodeHeaders() {
  const places = [
    process.env['npm_config_nodedir'] && join(process.env['npm_config_nodedir'], 'include/node'),
    join(dirname(process.execPath), '../include/node'),
    join(homedir(), '.cache/node-gyp', process.versions.node, 'include/node'),
    join(printed('npm', 'config', 'get', 'nodedir'), 'include/node'),
  ]
  const found = places.find(
    (place) => place && existsSync(join(place, 'node_api.h')) && existsSync(join(place, 'uv.h')),
  )
  if (found === undefined) throw new Error('no headers of Node: npx node-gyp install, or set npm_config_nodedir')
  return found
}

/**
 * musl's headers and the kernel's under libstdc++'s, which were made for glibc: of the C library they need only a check of
 * its version and the name of a type.
 */
function muslHeaders(arch, compiler) {
  const sysroot = join(WORK, `musl-dev-${arch}`)
  const headers = join(sysroot, 'usr/include', MUSL[arch])
  if (!existsSync(headers)) unpackDebian('musl-dev', DEBIAN[arch], sysroot)
  const search = printed(compiler, '-v', '-E', '-x', 'c++', '/dev/null')
    .split('\n')
    .map((line) => line.trim())
  const ofCompiler = search.filter((line) => line.startsWith('/') && existsSync(line) && /\/c\+\+\/|\/gcc/.test(line))
  const ofKernel = join(WORK, `kernel-${arch}`)
  rmSync(ofKernel, { recursive: true, force: true })
  mkdirSync(ofKernel, { recursive: true })
  for (const part of ['linux', 'asm', 'asm-generic']) {
    const from = search.map((dir) => join(dir, part)).find((dir) => dir.startsWith('/') && existsSync(dir))
    if (from === undefined) throw new Error(`no headers of the kernel for ${arch}`)
    symlinkSync(from, join(ofKernel, part))
  }
  return [
    ...['-nostdinc', '-nostdinc++', '-D__GLIBC_PREREQ(major,minor)=0', '-D__locale_t=locale_t'],
    ...[...ofCompiler, headers, ofKernel].flatMap((dir) => ['-isystem', dir]),
  ]
}

/** Downloads a package of Debian for another architecture with lists of its own, so that nothing is installed or changed. */
function unpackDebian(name, architecture, to) {
  const apt = join(WORK, `apt-${architecture}`)
  for (const dir of ['lists/partial', 'cache/archives/partial']) mkdirSync(join(apt, dir), { recursive: true })
  const options = [
    ...['-q', '-o', `APT::Architecture=${architecture}`, '-o', `APT::Architectures::=${architecture}`],
    ...['-o', `Dir::State::Lists=${apt}/lists`, '-o', `Dir::Cache=${apt}/cache`, '-o', 'Dir::State::Status=/dev/null'],
  ]
  const inApt = { cwd: apt, stdio: ['ignore', 'ignore', 'inherit'] }
  execFileSync('apt-get', [...options, 'update'], inApt)
  execFileSync('apt-get', [...options, 'download', `${name}:${architecture}`], inApt)
  const deb = readdirSync(apt).find((file) => file.startsWith(`${name}_`) && file.endsWith('.deb'))
  execFileSync('dpkg', ['-x', join(apt, deb), to])
}

function hostTarget() {
  const report = /** @type {{ header: { glibcVersionRuntime?: string } }} */ (process.report.getReport())
  return `linux-${process.arch}-${report.header.glibcVersionRuntime === undefined ? 'musl' : 'glibc'}`
}

/** What a program says, on either channel. */
function printed(command, ...args) {
  return execFileSync('sh', ['-c', '"$@" 2>&1', 'sh', command, ...args], { encoding: 'utf8' }).trim()
}

function run(command, args) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { stdio: 'inherit' })
    child.on('error', reject)
    child.on('exit', (code) => (code === 0 ? resolve() : reject(new Error(`${command} failed (${code})`))))
  })
}

async function eachOf(items, work) {
  let next = 0
  const worker = async () => {
    for (let i = next++; i < items.length; i = next++) await work(items[i], i)
  }
  await Promise.all(Array.from({ length: availableParallelism() }, worker))
}
