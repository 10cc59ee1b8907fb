import { createHash, randomBytes } from 'node:crypto';
import { imap } from './codec/command.ts';
import { CommandRefused, StoreConnection, type StoreEndpoint, StoreUnavailable } from './store-connection.ts';

/** What a session on this host is: the two tokens that stand in for the password, made up here, known to the store by hash. */
export interface SessionTokens {
  /** Name under which the store lists them. */
  readonly name: string;
  readonly user: string;
  /** Everything of the account. */
  readonly token: string;
  /** Counts and no content: feeds push. */
  readonly watchToken: string;
}

export type SignInOutcome =
  | { readonly kind: 'granted'; readonly tokens: SessionTokens }
  | { readonly kind: 'refused' }
  | { readonly kind: 'unavailable'; readonly cause: string };

export interface SignInRequest {
  readonly user: string;
  readonly password: string;
  /** Code of the second factor; the empty string where the account has none. */
  readonly code: string;
  /** People come by the form of the web app, other clients with an app password in each request. */
  readonly by: 'form' | 'client';
  readonly lifetimeMs: number;
  readonly watchLifetimeMs: number;
}

/**
 * The store judges user and password; with them this host's token is put in their place, and they are forgotten: no
 * connection that was opened by a password is kept.
 */
export async function signIn(endpoint: StoreEndpoint, request: SignInRequest): Promise<SignInOutcome> {
  const { user, password } = request;
  if (`${user}${password}${request.code}`.includes('\0')) return { kind: 'refused' };
  let connection: StoreConnection;
  try {
    connection = await StoreConnection.open(endpoint);
  } catch (error) {
    return { kind: 'unavailable', cause: (error as Error).message };
  }
  try {
    if ((await authenticate(connection, request)) === 'refused') return { kind: 'refused' };
    const tokens: SessionTokens = {
      name: `web-${randomBytes(8).toString('hex')}`,
      user: user.toLowerCase(),
      token: randomBytes(32).toString('base64url'),
      watchToken: randomBytes(32).toString('base64url'),
    };
    await connection.must(
      imap`SETMETADATA "" (${tokenEntry(tokens.name)} ${tokenRequest(tokens.token, 'all', request.lifetimeMs)} ${tokenEntry(`${tokens.name}-watch`)} ${tokenRequest(tokens.watchToken, 'watch', request.watchLifetimeMs)})`,
    );
    return { kind: 'granted', tokens };
  } catch (error) {
    if (error instanceof StoreUnavailable || error instanceof CommandRefused) {
      return { kind: 'unavailable', cause: error.message };
    }
    throw error;
  } finally {
    connection.close();
  }
}

/** A connection that a token has opened. Undefined when the store does not know the token any more. */
export async function openByToken(
  endpoint: StoreEndpoint,
  user: string,
  token: string,
): Promise<StoreConnection | undefined> {
  const connection = await StoreConnection.open(endpoint);
  // RFC 5801 §4: `,` and `=` of a name are written `=2C` and `=3D`.
  const name = user.replaceAll('=', '=3D').replaceAll(',', '=2C');
  // RFC 7628 §3.1.
  const response = Buffer.from(`n,a=${name},\x01auth=Bearer ${token}\x01\x01`).toString('base64');
  // RFC 7628 §3.2.3: a refusal comes as a challenge first, which an empty line answers.
  const refusing = connection.run([`AUTHENTICATE OAUTHBEARER ${response}`]);
  connection.answerChallengesWith('AQ==');
  const completion = await refusing;
  if (completion.status === 'OK') {
    await connection.askCapabilities();
    return connection;
  }
  connection.close();
  if (isTransient(completion.code)) throw new StoreUnavailable(completion.text);
  return undefined;
}

const tokenEntry = (name: string): string => `/private/vendor/postern/token/${name}`;

function tokenRequest(token: string, scope: 'all' | 'watch', lifetimeMs: number): string {
  return JSON.stringify({ sha256: createHash('sha256').update(token).digest('hex'), scope, lifetimeMs });
}

/**
 * Password and code in one exchange, which the store judges (docs/sign-in.md); RFC 4616 for app passwords of other clients. Every
 * refusal is alike: whether a code was missing, only the store's log tells.
 */
async function authenticate(
  connection: StoreConnection,
  { user, password, code, by }: SignInRequest,
): Promise<'granted' | 'refused'> {
  const factor = by === 'form' && connection.has('AUTH=X-POSTERN-FACTOR');
  const response = Buffer.from(`\0${user}\0${password}${factor ? `\0${code}` : ''}`);
  const command = `AUTHENTICATE ${factor ? 'X-POSTERN-FACTOR' : 'PLAIN'} ${response.toString('base64')}`;
  response.fill(0);
  const completion = await connection.run([command]);
  if (completion.status === 'OK') {
    await connection.askCapabilities();
    return 'granted';
  }
  if (isTransient(completion.code)) throw new StoreUnavailable(completion.text);
  return 'refused';
}

const isTransient = (code: string): boolean => /^(?:UNAVAILABLE|LIMIT|SERVERBUG|INUSE)\b/i.test(code);
