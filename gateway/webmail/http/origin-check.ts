import type { IncomingHttpHeaders } from 'node:http';

/**
 * Whether a request that is known by a cookie comes from our own pages. What changes something must say its Origin, and
 * it must be ours; Fetch Metadata, where the browser sends it, must agree. Undefined when it does; else why not.
 */
export function foreignOrigin(method: string, headers: IncomingHttpHeaders, publicOrigin: string): string | undefined {
  const site = headers['sec-fetch-site'];
  const changes = method !== 'GET' && method !== 'HEAD';
  if (site !== undefined && site !== 'same-origin' && !(site === 'none' && !changes)) return `fetch from ${site}`;
  if (!changes) return undefined;
  return headers.origin === publicOrigin ? undefined : 'another origin';
}
