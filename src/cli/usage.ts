// Texts of -h, -v and -V. They go to stderr, as nginx's do.

import { PACKAGE_FOLDER, PROGRAM_NAME, VERSION } from '../log/program.ts'

export const VERSION_TEXT = `${PROGRAM_NAME} version: ${PROGRAM_NAME}/${VERSION}\n`

export const HELP_TEXT = `Usage: ${PROGRAM_NAME} [-?hvVtTq] [-s signal] [-p prefix]
              [-e filename] [-c filename] [-g directives]

Options:
  -?, -h, --help             : this help
  -v, --version              : show version and exit
  -V, --build-info           : show version and what it is built of, then exit
  -t, --test                 : test configuration and exit
  -T, --dump                 : test configuration, dump it and exit
  -q, --quiet                : suppress non-error messages during configuration
                               testing
  -s, --signal signal        : send signal to a master process: stop, quit,
                               reopen, reload; or "processes": show its
                               process table
  -p, --prefix prefix        : set prefix path (default: ${PACKAGE_FOLDER})
  -e, --error-log filename   : set error log file (default: logs/error.log)
  -c, --config filename      : set configuration file
                               (default: config/sluice.conf)
  -g, --directives directives: set global directives out of configuration
                               file

Short options may be clustered (-tq); a value may follow --option= or the next
word. Names of files are relative to the prefix.

`

/** What -V says behind the version. */
export function buildText(): string {
  const { versions } = process
  return [
    `built with Node.js ${process.version} (V8 ${versions.v8}, libuv ${versions.uv})`,
    `built with OpenSSL ${versions.openssl}`,
    'TLS SNI support enabled',
    `configure arguments: --prefix=${PACKAGE_FOLDER} --conf-path=config/sluice.conf --error-log-path=logs/error.log`,
    '',
  ].join('\n')
}
