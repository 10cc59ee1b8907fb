import { type AddressInfo, Socket } from 'node:net';
import { createSecureContext, type SecureContext, TLSSocket } from 'node:tls';
import type { Log } from '@postern/shared/runtime/log.ts';
import { MIN_TLS_VERSION } from '@postern/shared/runtime/tls.ts';
import ldap from 'ldapjs';
import * as operations from './operations.ts';
import { Tree } from './tree.ts';
import {
  type AddRequest,
  type BindRequest,
  type ExtendedRequest,
  type LdapRequest,
  type LdapResponse,
  type LdapServerConnection,
  type ModifyRequest,
  RESULT,
  type SearchRequest,
} from './wire.ts';

export interface EmbeddedDirectoryOptions {
  readonly host: string;
  /** 0 lets the kernel choose. */
  readonly port: number;
  /** PEM texts. */
  readonly tls: { readonly cert: string; readonly key: string };
  /** LDIF file of all entries: read at the start, written after each change. */
  readonly data: string;
  /** The top of the tree; `cn=admin` below it may change everything. */
  readonly suffix: string;
}

export interface EmbeddedDirectory {
  readonly url: string;
  readonly port: number;
  close(): Promise<void>;
}

/** Parts of ldapjs's server that its types leave out. */
interface ServerInternals {
  newConnection(connection: Socket): void;
  on(event: 'error' | 'clientError', listener: (error: Error) => void): void;
}

/** One operation; entries go to `response`, the result is returned. */
type Operation<R> = (request: R, response: LdapResponse) => operations.Result;

/**
 * An LDAP directory in this process, for the demo: StartTLS, simple bind, search with pages, add, modify, delete, password
 * modify and whoami over a tree that is held in memory and kept in a file. It knows access rules like those of schema/ldap, and
 * of the schema only the mandatory attributes. A site runs slapd.
 */
export async function startEmbeddedDirectory(options: EmbeddedDirectoryOptions, log: Log): Promise<EmbeddedDirectory> {
  const { suffix } = options;
  const tree = Tree.open(options.data);
  const parts = { tree, suffix, adminDn: `cn=admin,${suffix}`, hostingDn: `o=hosting,${suffix}`, accesses: new Map() };
  const context = createSecureContext({ ...options.tls, minVersion: MIN_TLS_VERSION });
  const sockets = new Set<Socket>();
  const router = (connection: Socket): void => {
    sockets.add(connection);
    connection.on('close', () => sockets.delete(connection));
    // Without it Nagle's algorithm makes one look-up at a time crawl.
    connection.setNoDelay(true);
    internals.newConnection(connection);
  };
  const server = ldap.createServer({ connectionRouter: router } as ldap.ServerOptions);
  const internals = server as unknown as ServerInternals;
  internals.on('error', (error) => log.warn({ event: 'ldap-error', cause: error.message }));

  const respond =
    <R>(operation: Operation<R>) =>
    (request: R, response: LdapResponse): void => {
      let result: operations.Result;
      try {
        result = operation(request, response);
      } catch (error) {
        // A fault of one request must not leave its client waiting.
        log.warn({ event: 'ldap-request-failed', cause: (error as Error).message });
        result = { status: RESULT.operationsError, message: 'internal error' };
      }
      end(response, result);
    };
  server.bind(
    '',
    respond((request: BindRequest) => operations.bind(request, parts)),
  );
  server.search(
    '',
    respond((request: SearchRequest, response) => operations.search(request, response, parts)),
  );
  server.add(
    '',
    respond((request: AddRequest) => operations.add(request, parts)),
  );
  server.modify(
    '',
    respond((request: ModifyRequest) => operations.modify(request, parts)),
  );
  server.del(
    '',
    respond((request: LdapRequest) => operations.remove(request, parts)),
  );
  server.exop(
    operations.PASSWORD_MODIFY,
    respond((request: ExtendedRequest) => operations.modifyPassword(request, parts)),
  );
  server.exop(operations.WHO_AM_I, respond(operations.whoAmI));
  server.exop(operations.START_TLS, (request: ExtendedRequest, response: LdapResponse) =>
    startTls(request, response, context, internals, log),
  );

  await new Promise<void>((resolve, reject) => {
    internals.on('error', reject);
    server.listen(options.port, options.host, resolve);
  });
  const { port } = (server as unknown as { address(): AddressInfo }).address();
  return {
    url: `ldap://${options.host}:${port}`,
    port,
    close() {
      return new Promise<void>((done) => {
        server.close(() => done());
        for (const socket of sockets) socket.destroy();
      });
    },
  };
}

/** RFC 4511 §4.14: the answer in plain text, then the same connection goes on as TLS, and as anonymous. */
function startTls(
  request: ExtendedRequest,
  response: LdapResponse,
  context: SecureContext,
  server: ServerInternals,
  log: Log,
): void {
  const raw: LdapServerConnection = request.connection;
  if (raw.encrypted === true || !(raw instanceof Socket)) {
    end(response, { status: RESULT.operationsError, message: 'TLS already started' });
    return;
  }
  raw.removeAllListeners('data');
  response.responseName = operations.START_TLS;
  end(response, { status: RESULT.success, message: '' });
  const secure = new TLSSocket(raw, { isServer: true, secureContext: context });
  secure.on('error', (error) => {
    log.debug({ event: 'tls-failed', cause: error.message });
    raw.destroy();
  });
  secure.setNoDelay(true);
  server.newConnection(secure);
}

function end(response: LdapResponse, { status, message }: operations.Result): void {
  response.matchedDN = '';
  response.diagnosticMessage = message;
  response.end(status);
}
