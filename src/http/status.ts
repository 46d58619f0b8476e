// Status lines and built-in pages (spec http-core.md §6.1, §6.3).

const TEXTS: Readonly<Record<number, string>> = {
  200: 'OK',
  201: 'Created',
  202: 'Accepted',
  204: 'No Content',
  206: 'Partial Content',
  301: 'Moved Permanently',
  302: 'Moved Temporarily',
  303: 'See Other',
  304: 'Not Modified',
  307: 'Temporary Redirect',
  308: 'Permanent Redirect',
  400: 'Bad Request',
  401: 'Unauthorized',
  402: 'Payment Required',
  403: 'Forbidden',
  404: 'Not Found',
  405: 'Not Allowed',
  406: 'Not Acceptable',
  407: 'Proxy Authentication Required',
  408: 'Request Time-out',
  409: 'Conflict',
  410: 'Gone',
  411: 'Length Required',
  412: 'Precondition Failed',
  413: 'Request Entity Too Large',
  414: 'Request-URI Too Large',
  415: 'Unsupported Media Type',
  416: 'Requested Range Not Satisfiable',
  421: 'Misdirected Request',
  429: 'Too Many Requests',
  500: 'Internal Server Error',
  501: 'Not Implemented',
  502: 'Bad Gateway',
  503: 'Service Temporarily Unavailable',
  504: 'Gateway Time-out',
  505: 'HTTP Version Not Supported',
  507: 'Insufficient Storage',
}

const STATUS_LINES: string[] = []
for (let code = 0; code < 1000; code++) {
  STATUS_LINES.push(`${String(code).padStart(3, '0')} ${TEXTS[code] ?? ''}`)
}

/** `404 Not Found`; a code without text keeps its trailing space, as on nginx's wire. */
export function statusLine(code: number): string {
  return STATUS_LINES[code] ?? `${code} `
}

/** nginx's internal codes: they are answered as 400, with a text of their own. */
export const REQUEST_HEADER_TOO_LARGE = 494
export const CERT_ERROR = 495
export const NO_CERT = 496
export const HTTP_TO_HTTPS = 497
/** Client closed the request; nothing is sent. */
export const CLIENT_CLOSED_REQUEST = 499

/** Title of a built-in page, and a second line for nginx's internal codes; undefined = the code has no built-in body. */
export function pageTexts(code: number): { title: string; heading: string; detail: string } | undefined {
  switch (code) {
    case 494:
      return bad('Request Header Or Cookie Too Large')
    case 495:
      return bad('The SSL certificate error')
    case 496:
      return bad('No required SSL certificate was sent')
    case 497:
      return bad('The plain HTTP request was sent to HTTPS port')
    case 302:
      return plain('302 Found')
    case 401:
      return plain('401 Authorization Required')
    case 200:
    case 201:
    case 202:
    case 204:
    case 206:
    case 304:
      return undefined
    default:
      return TEXTS[code] === undefined ? undefined : plain(`${code} ${TEXTS[code]}`)
  }
}

function plain(title: string): { title: string; heading: string; detail: string } {
  return { title, heading: title, detail: '' }
}

function bad(detail: string): { title: string; heading: string; detail: string } {
  return { title: `400 ${detail}`, heading: '400 Bad Request', detail }
}
