// Sends one GET request over HTTP or HTTPS and follows its redirects. Each failure records whether another
// attempt may succeed. No attempt is repeated here. node:http is used because of an assertion in fetch, which
// ends the process when a response without a length ends while its reader pauses (Node 24.21).
import { get as getPlain } from 'node:http';
import type { IncomingMessage } from 'node:http';
import { get as getSecure } from 'node:https';
import { errnoOf } from '../../core/errors.ts';

/** A request that failed. The message is a clause: "the connection was broken". */
export class RequestFault extends Error {
  /** Another attempt may succeed. */
  readonly isTransient: boolean;
  /** The server asks for this pause before the next attempt. */
  readonly retryAfterMs: number | undefined;

  constructor(why: string, more: { isTransient: boolean; retryAfterMs?: number | undefined; cause?: unknown }) {
    super(why, { cause: more.cause });
    this.isTransient = more.isTransient;
    this.retryAfterMs = more.retryAfterMs;
  }
}

export interface RequestOptions {
  readonly headers: Readonly<Record<string, string>>;
  readonly signal: AbortSignal;
  /** The request fails if the server sends nothing for this time. */
  readonly silenceMs: number;
}

/** The limit of Nix. */
const mostRedirects = 10;
const redirects = new Set([301, 302, 303, 307, 308]);

/**
 * Returns the first response that is not a redirect, with any status. The caller reads it with `bodyOf`, or
 * destroys it.
 */
export async function request(url: string, options: RequestOptions): Promise<IncomingMessage> {
  let target = urlOf(url);
  for (let count = 0; count <= mostRedirects; count++) {
    const answer = await answerOf(target, options).catch((error: unknown) => {
      throw faultOf(error, options.signal);
    });
    const { location } = answer.headers;
    if (!redirects.has(answer.statusCode ?? 0) || location === undefined) return answer;
    answer.destroy();
    target = urlOf(location, target);
  }
  throw new RequestFault(`the server redirects more than ${mostRedirects} times`, { isTransient: false });
}

/** Yields the chunks of a response. A broken connection is a RequestFault. */
export async function* bodyOf(answer: IncomingMessage, signal: AbortSignal): AsyncGenerator<Uint8Array, void> {
  try {
    yield* answer;
  } catch (error) {
    throw faultOf(error, signal);
  }
}

/** Returns the fault for a response with an error status. */
export function statusFault({ statusCode = 0, statusMessage = '', headers }: IncomingMessage): RequestFault {
  return new RequestFault(`the server answers ${statusCode} ${statusMessage}`.trim().slice(0, 100), {
    isTransient: statusCode === 408 || statusCode === 429 || (statusCode >= 500 && !permanentErrors.has(statusCode)),
    retryAfterMs: pauseOf(headers['retry-after'], headers.date),
  });
}

/** Not implemented, HTTP version not supported, network authentication required. Nix does not repeat these either. */
const permanentErrors = new Set([501, 505, 511]);

/**
 * Returns the pause of Retry-After, which is in seconds or a date. A date is compared with the server's own
 * clock.
 */
function pauseOf(text: string | undefined, date: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  if (/^\s*\d+\s*$/.test(text)) return Number(text) * 1000;
  if (date === undefined) return undefined;
  const pause = Date.parse(text) - Date.parse(date);
  return pause >= 0 ? pause : undefined;
}

function urlOf(text: string, base?: URL): URL {
  const url = URL.parse(text, base?.href);
  if (url && /^https?:$/.test(url.protocol)) return url;
  const why = base ? `the server redirects to "${text}", which is not a URL of http: or https:` : `"${text}" is no URL of http: or https:`;
  throw new RequestFault(why, { isTransient: false });
}

function answerOf(url: URL, { headers, signal, silenceMs }: RequestOptions): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const get = url.protocol === 'https:' ? getSecure : getPlain;
    const sent = get(url, { headers, signal, timeout: silenceMs }, resolve);
    sent.on('error', reject);
    sent.on('timeout', () =>
      sent.destroy(new RequestFault(`the server sends nothing for ${silenceMs / 1000} seconds`, { isTransient: true })),
    );
  });
}

interface Reason {
  readonly codes: RegExp;
  readonly why: string;
  readonly isTransient: boolean;
}

/** Codes of Node, of OpenSSL by way of Node, and of its parser of HTTP. */
const reasons: readonly Reason[] = [
  { codes: /^ECONNREFUSED$/, why: 'the connection was refused', isTransient: true },
  { codes: /^(?:ECONNRESET|ECONNABORTED|EPIPE|ERR_STREAM_PREMATURE_CLOSE)$/, why: 'the connection was broken', isTransient: true },
  { codes: /^ETIMEDOUT$/, why: 'the server does not answer', isTransient: true },
  { codes: /^(?:EHOSTUNREACH|ENETUNREACH|ENETDOWN|EHOSTDOWN)$/, why: 'the server cannot be reached', isTransient: true },
  { codes: /^EAI_AGAIN$/, why: 'the name of the server cannot be resolved at the moment', isTransient: true },
  { codes: /^ENOTFOUND$/, why: 'the name of the server is not known', isTransient: false },
  { codes: /^HPE_/, why: 'the server sends something that is not HTTP', isTransient: true },
  { codes: /CERT|ERR_TLS/, why: 'the certificate of the server is not trusted', isTransient: false },
  { codes: /^(?:EPROTO|ERR_SSL)/, why: 'the server does not use TLS as expected', isTransient: false },
];

/** An abort is thrown as its reason. An error without a code may be a bug, and is returned unchanged. */
function faultOf(error: unknown, signal: AbortSignal): unknown {
  signal.throwIfAborted();
  const code = errnoOf(error);
  if (error instanceof RequestFault || !(error instanceof Error) || code === undefined) return error;
  const reason = reasons.find(({ codes }) => codes.test(code));
  if (!reason) return new RequestFault(error.message || code, { isTransient: false, cause: error });
  return new RequestFault(reason.why, { isTransient: reason.isTransient, cause: error });
}
