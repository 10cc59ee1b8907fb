/** What a client sends for SASL OAUTHBEARER. */
export interface BearerCredentials {
  /** Whom to sign in as; the empty string leaves it to the token. */
  readonly authorizationId: string;
  readonly token: string;
}

/**
 * RFC 7628 §3.1: `n,a=user,` ^A `auth=Bearer token` ^A ^A in base64. Undefined when it is anything else. Other keys are
 * passed over.
 */
export function parseOauthBearer(base64: string): BearerCredentials | undefined {
  if (!/^[A-Za-z0-9+/]+={0,2}$/.test(base64) || base64.length > 8192) return undefined;
  const text = Buffer.from(base64, 'base64').toString('utf8');
  if (!text.endsWith('\x01\x01')) return undefined;
  const [header, ...pairs] = text.slice(0, -2).split('\x01');
  const gs2 = /^n,(?:a=([^,]*))?,$/.exec(header ?? '');
  const auth = pairs.find((pair) => pair.startsWith('auth='));
  const bearer = /^auth=Bearer +([A-Za-z0-9._~+/-]+=*)$/i.exec(auth ?? '');
  if (gs2 === null || bearer?.[1] === undefined) return undefined;
  // RFC 5801 §4: `,` and `=` of a name are written `=2C` and `=3D`.
  const authorizationId = (gs2[1] ?? '').replaceAll('=2C', ',').replaceAll('=3D', '=');
  return { authorizationId, token: bearer[1] };
}

/** RFC 7628 §3.2.2: what a refused client is told, in base64. */
export const INVALID_TOKEN: string = Buffer.from('{"status":"invalid_token"}').toString('base64');
