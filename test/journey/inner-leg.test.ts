import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { type AddressInfo, connect as connectTcp } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect as connectTls, createServer, type Server } from 'node:tls';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  addAccount,
  eventually,
  messagesWith,
  replyToRecipient,
  sendOctets,
  smallMessage,
} from '../support/mailbox.ts';
import { capture, isTlsRecords, payloadsOf, streamsOf } from '../support/packet-capture.ts';
import { startStack, type TestStack } from '../support/stack.ts';

/**
 * The protocol break, seen from outside: what really travels between the gateway and the corporate network. The wire is
 * captured by tcpdump; and because LMTP lies under TLS there, a proxy that holds a certificate of the store's name (which
 * nobody but the owner of the CA could make) opens it and writes down what is said.
 */
let stack: TestStack;
let folder: string;
let proxy: OpenedLeg;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'postern-leg-'));
  stack = await startStack();
  await addAccount(stack.slapd, 'leg');
  proxy = await openTheLeg(stack);
});
afterAll(async () => {
  // The gateway first: it keeps connections to the proxy.
  await stack?.stop();
  await proxy?.close();
  rmSync(folder, { recursive: true, force: true });
});

const USER = 'leg@domain1.example';

interface OpenedLeg {
  readonly port: number;
  /** Octets of each connection, towards the store, as they were said inside TLS. */
  readonly said: string[];
  close(): Promise<void>;
}

/** Stands between gateway and store: ends TLS with the store's certificate, and goes on with the gateway's. */
async function openTheLeg(at: TestStack): Promise<OpenedLeg> {
  const pem = (name: string): string => readFileSync(join(at.folder, 'pki', name), 'utf8');
  const ca = pem('ca.pem');
  const said: string[] = [];
  const server: Server = createServer(
    { cert: pem('store.pem'), key: pem('store.key'), ca, requestCert: true, rejectUnauthorized: true },
    (inner) => {
      const index = said.push('') - 1;
      const { host, port } = at.endpoints.lmtp;
      const outer = connectTls({
        socket: connectTcp({ host, port, localAddress: '127.0.0.2' }),
        servername: at.names.store,
        ca,
        cert: pem('relay.pem'),
        key: pem('relay.key'),
      });
      inner.on('data', (octets: Buffer) => {
        said[index] += octets.toString('latin1');
      });
      inner.pipe(outer).pipe(inner);
      inner.on('error', () => outer.destroy());
      outer.on('error', () => inner.destroy());
    },
  );
  server.listen(0, '127.0.0.3');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    said,
    async close() {
      await new Promise<void>((done) => server.close(() => done()));
    },
  };
}

/** RFC 4511 §4.14: the request's name. */
const START_TLS_OID = '1.3.6.1.4.1.1466.20037';

describe('a capture of the inner leg', () => {
  test('shows LDAP StartTLS and then TLS, TLS from the first octet towards the store, and no word of SMTP or HTTP', async () => {
    const { ldap, lmtp, smtp } = stack.endpoints;
    const file = join(folder, 'inner.pcap');
    let tcpdump: ChildProcess;
    try {
      tcpdump = await capture(`tcp and (port ${ldap.port} or port ${lmtp.port})`, file);
    } catch (error) {
      console.log(`tcpdump cannot capture here: ${(error as Error).message}`);
      throw error;
    }
    // New connections begin under the eyes of the capture.
    await stack.restart('relay');
    const mark = 'captured-on-the-leg';
    expect((await sendOctets(stack, [USER], smallMessage(mark)))[0]?.kind).toBe('delivered');
    expect(await messagesWith(stack, USER, `Subject: ${mark}`)).toHaveLength(1);
    expect(await replyToRecipient(stack, 'nobody@domain1.example')).toMatch(/^550/);
    // A last look-up of our own marks the end: what was before it has been written to the file by then.
    const end = connectTcp(ldap.port, ldap.host, () => end.write('END-OF-CAPTURE'));
    await eventually(
      () => Promise.resolve(readFileSync(file).includes('END-OF-CAPTURE')),
      (written) => written,
    );
    end.destroy();
    const exit = once(tcpdump, 'exit');
    tcpdump.kill('SIGINT');
    await exit;

    const packets = payloadsOf(file).filter(({ payload }) => !payload.includes('END-OF-CAPTURE'));
    const streams = streamsOf(packets);
    const towards = (endpoint: { host: string; port: number }): [string, Buffer][] =>
      [...streams].filter(([key]) => key.endsWith(`> ${endpoint.host}:${endpoint.port}`));

    const lmtpStreams = towards(lmtp).filter(([key]) => key.startsWith('127.0.0.2:'));
    expect(lmtpStreams.length).toBeGreaterThan(0);
    for (const [, octets] of lmtpStreams) expect(isTlsRecords(octets)).toBe(true);

    const ldapStreams = towards(ldap).filter(([key]) => key.startsWith('127.0.0.2:'));
    expect(ldapStreams.length).toBeGreaterThan(0);
    for (const [, octets] of ldapStreams) {
      // RFC 4511 §4.14.1: one extended request in clear, then TLS alone.
      const requestLength = 2 + (octets[1] ?? 0);
      const request = octets.subarray(0, requestLength);
      expect(request[0]).toBe(0x30);
      expect(request.includes(START_TLS_OID)).toBe(true);
      expect(isTlsRecords(octets.subarray(requestLength))).toBe(true);
    }

    // Everything that was seen, in both directions, of all connections: nothing to read, and the mail is not in it.
    const everything = Buffer.concat([...streams.values()]).toString('latin1');
    for (const word of ['EHLO', 'HELO', 'HTTP/', 'GET /', 'POST /', 'MAIL FROM', 'LHLO', mark, 'userPassword', USER]) {
      expect(everything.includes(word), word).toBe(false);
    }
    // The gateway leaves for the inner leg from its private address alone, never from the public one.
    const fromOutside = [...streams.keys()].filter(
      (key) => key.startsWith(`${smtp.host}:`) && key.endsWith(`:${lmtp.port}`),
    );
    expect(fromOutside).toEqual([]);
  });

  test('inside TLS the gateway says LHLO alone: never EHLO, HELO or HTTP, whatever a stranger says to it', async () => {
    await stack.restart('relay', {
      relay: (settings) => ({
        ...settings,
        store: { ...settings.store, lmtp: { ...settings.store.lmtp, port: proxy.port } },
      }),
    });
    const greeting = 'EHLO-of-a-stranger.example';
    const [outcome] = await sendOctets(stack, [USER], smallMessage('through-the-proxy'));
    expect(outcome?.kind).toBe('delivered');
    expect(await messagesWith(stack, USER, 'Subject: through-the-proxy')).toHaveLength(1);
    await speakStrangely(greeting);

    expect(proxy.said.length).toBeGreaterThan(0);
    const verbs = new Set<string>();
    for (const stream of proxy.said) {
      expect(stream).toMatch(/^LHLO /);
      for (const verb of commandsOf(stream)) verbs.add(verb);
    }
    expect([...verbs].sort()).toEqual(expect.arrayContaining(['BDAT', 'LHLO', 'MAIL', 'RCPT']));
    for (const verb of verbs) expect(['LHLO', 'MAIL', 'RCPT', 'DATA', 'BDAT', 'RSET', 'NOOP', 'QUIT']).toContain(verb);
  });

  test('and the store’s door refuses EHLO, and whoever has no certificate', async () => {
    const { host, port } = stack.endpoints.lmtp;
    const pem = (name: string): string => readFileSync(join(stack.folder, 'pki', name), 'utf8');
    const talk = (text: string, identity: { cert?: string; key?: string }): Promise<string> =>
      new Promise((resolve) => {
        const socket = connectTls({ host, port, ca: pem('ca.pem'), servername: stack.names.store, ...identity });
        let said = '';
        socket.setEncoding('latin1').on('data', (more: string) => {
          if (said === '') socket.write(text);
          said += more;
        });
        socket.on('error', (error: NodeJS.ErrnoException) => {
          said += `(${error.code})`;
        });
        socket.once('close', () => resolve(said));
      });
    const relay = { cert: pem('relay.pem'), key: pem('relay.key') };
    const words = await talk('EHLO relay.example\r\nHELO relay.example\r\nLHLO relay.example\r\nQUIT\r\n', relay);
    expect(words).toMatch(/^220 .*\r\n500 5\.5\.1 .*\r\n500 5\.5\.1 .*\r\n250[- ]/);
    expect(await talk('LHLO x\r\n', {})).toMatch(/^\(.*\)$/);
    expect(await talk('LHLO x\r\n', { cert: pem('public.pem'), key: pem('public.key') })).not.toMatch(/^250/m);
  });
});

/** Lines that are commands: what BDAT counts, or what stands between DATA and its final dot, is content. One character an octet. */
function commandsOf(stream: string): string[] {
  const verbs: string[] = [];
  for (let at = 0; at < stream.length; ) {
    const end = stream.indexOf('\r\n', at);
    const line = stream.slice(at, end < 0 ? stream.length : end);
    at = end < 0 ? stream.length : end + 2;
    const [verb = '', octets = ''] = line.toUpperCase().split(' ');
    verbs.push(verb);
    if (verb === 'BDAT') at += Number(octets);
    if (verb === 'DATA') at = stream.indexOf('\r\n.\r\n', at - 2) + 5;
  }
  return verbs;
}

/** A stranger who names itself like a command, talks HTTP, and pastes commands into addresses. */
async function speakStrangely(name: string): Promise<void> {
  const { host, port } = stack.endpoints.smtp;
  for (const text of [
    `EHLO ${name}\r\nMAIL FROM:<EHLO@x.example>\r\nRCPT TO:<${USER}>\r\nDATA\r\nEHLO x\r\n.\r\nQUIT\r\n`,
    'GET / HTTP/1.1\r\nHost: x\r\n\r\nQUIT\r\n',
    `HELO x\r\nMAIL FROM:<a@x.example> EHLO\r\nRCPT TO:<"EHLO x"@domain1.example>\r\nQUIT\r\n`,
  ]) {
    const socket = connectTcp(port, host);
    let said = '';
    socket.setEncoding('latin1').on('data', (more: string) => {
      if (said === '') socket.end(text);
      said += more;
    });
    socket.on('error', () => socket.destroy());
    await once(socket, 'close');
    expect(said).toMatch(/^220 /);
  }
}
