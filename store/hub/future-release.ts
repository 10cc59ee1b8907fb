import type { MailParameters } from '@postern/shared/smtp/listener.ts';

/** What HOLDFOR and HOLDUNTIL come to (RFC 4865 §4). */
export type FutureRelease =
  | { readonly kind: 'at'; readonly releaseAt: Date | undefined }
  | { readonly kind: 'refused'; readonly why: string };

export const FUTURE_RELEASE_PARAMETERS = ['HOLDFOR', 'HOLDUNTIL'] as const;

/** The line of EHLO: the longest interval in seconds, and until when (RFC 4865 §4.1). */
export function futureReleaseLine(maxMs: number, nowMs: number): string {
  const until = new Date(nowMs + maxMs).toISOString().replace(/\.\d+Z$/, 'Z');
  return `FUTURERELEASE ${Math.floor(maxMs / 1000)} ${until}`;
}

/** Reads the parameters of a MAIL command. */
export function readFutureRelease(extra: MailParameters['extra'], maxMs: number, nowMs: number): FutureRelease {
  const holdFor = extra.get('HOLDFOR');
  const holdUntil = extra.get('HOLDUNTIL');
  if (holdFor === undefined && holdUntil === undefined) return { kind: 'at', releaseAt: undefined };
  if (holdFor !== undefined && holdUntil !== undefined) return refused('HOLDFOR and HOLDUNTIL exclude each other');
  let atMs: number;
  if (holdFor !== undefined) {
    if (!/^[1-9]\d{0,8}$/.test(holdFor)) return refused('Bad value of HOLDFOR');
    atMs = nowMs + Number(holdFor) * 1000;
  } else {
    // RFC 3339 §5.6 with a zone.
    const form = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)$/i;
    atMs = form.test(holdUntil ?? '') ? Date.parse(holdUntil ?? '') : Number.NaN;
    if (Number.isNaN(atMs)) return refused('Bad value of HOLDUNTIL');
  }
  return atMs - nowMs > maxMs
    ? refused('The release time is too far ahead')
    : { kind: 'at', releaseAt: new Date(atMs) };
}

function refused(why: string): FutureRelease {
  return { kind: 'refused', why };
}
