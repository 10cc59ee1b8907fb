import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { reply } from '@postern/shared/smtp/reply.ts';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { freePort } from '../../infra/demo/free-port.ts';
import { EICAR, type Scanner, startClamd, startRspamd } from '../support/scanners.ts';
import {
  expectLogged,
  message,
  type RelayUnderTest,
  type Surroundings,
  startRelayUnderTest,
  startSurroundings,
  USER1,
} from './relay-under-test.ts';

/** What messages contain, judged within the SMTP transaction by real clamd, real rspamd, and rules about attachments. */
const QUARANTINE = 'user3@domain1.example';
let surroundings: Surroundings;
let clamd: Scanner;
let rspamd: Scanner;
let relay: RelayUnderTest | undefined;

beforeAll(async () => {
  [surroundings, clamd, rspamd] = await Promise.all([startSurroundings(), startClamd(), startRspamd()]);
}, 90_000);

afterEach(async () => {
  await relay?.stop();
  relay = undefined;
});

afterAll(async () => {
  await Promise.all([clamd?.stop(), rspamd?.stop(), surroundings?.stop()]);
});

async function started(content: object): Promise<RelayUnderTest> {
  relay = await startRelayUnderTest(surroundings, { content, authentication: { enabled: false } });
  return relay;
}

const attached = (subject: string, name: string, content: Buffer | string): string =>
  message(
    subject,
    `--b\r\nContent-Type: text/plain\r\n\r\nhi\r\n--b\r\nContent-Type: application/octet-stream; name="${name}"\r\n` +
      `Content-Transfer-Encoding: base64\r\n\r\n${Buffer.from(content).toString('base64')}\r\n--b--\r\n`,
    'MIME-Version: 1.0',
    'Content-Type: multipart/mixed; boundary=b',
  );

describe('ClamAV', () => {
  it('refuses EICAR 554, with its name in the log, by TCP and by socket; and lets clean mail through', async () => {
    for (const clamav of [{ address: '127.0.0.1', port: clamd.port }, { socketPath: clamd.socketPath }]) {
      const r = await started({ clamav });
      expect(await r.send(attached('eicar', 'a.txt', EICAR), [USER1])).toBe('554 5.7.1 The message contains a virus');
      const reason = expect.stringContaining('Postern.Eicar-Test');
      await expectLogged(r, 'refused', { stage: 'data', policy: [{ rule: 'clamav', verdict: 'reject', reason }] });
      expect(r.arrived).toEqual([]);
      const clean = attached('clean', 'a.txt', Buffer.alloc(3_000_000, 'x'));
      expect(await r.send(clean, [USER1])).toMatch(/^250 /);
      expect(r.arrived[0]?.content.endsWith(clean)).toBe(true);
      await r.stop();
      relay = undefined;
    }
  });

  it('puts a virus into quarantine, for the administrator alone, if configured so', async () => {
    const clamav = { address: '127.0.0.1', port: clamd.port, onVirus: 'quarantine' };
    const r = await started({ clamav, quarantineAddress: QUARANTINE });
    expect(await r.send(attached('eicar', 'a.txt', EICAR), [USER1])).toMatch(/^250 /);
    expect(r.arrived).toMatchObject([{ to: [QUARANTINE] }]);
    expect(r.arrived[0]?.content).toContain(`X-Postern-Quarantine-For: <${USER1}>\r\n`);
    await expectLogged(r, 'accepted', { placement: 'quarantine' });
  });

  it('that is away means 451, or a header by configuration', async () => {
    const port = await freePort();
    const strict = await started({ clamav: { address: '127.0.0.1', port } });
    expect(await strict.send(message('away'), [USER1])).toMatch(/^451 4\.3\.0 /);
    await strict.stop();
    const lenient = await started({ clamav: { address: '127.0.0.1', port, onUnavailable: 'pass' } });
    expect(await lenient.send(message('away'), [USER1])).toMatch(/^250 /);
    expect(lenient.arrived[0]?.content).toContain('X-Postern-Not-Scanned: clamav\r\n');
  });

  it('that takes connections and says nothing is late: 451', async () => {
    const silent = createServer(() => {}).listen(0, '127.0.0.1');
    await once(silent, 'listening');
    const { port } = silent.address() as AddressInfo;
    const r = await started({ clamav: { address: '127.0.0.1', port, timeoutMs: 300 } });
    expect(await r.send(message('late'), [USER1])).toMatch(/^451 4\.3\.0 /);
    await expectLogged(r, 'refused', { policy: [{ reason: 'clamav said nothing: late' }] });
    silent.close();
  });
});

describe('ClamAV’s connections', () => {
  it('are kept from message to message, over a reload too; one that died is replaced, and the message is looked at', async () => {
    const port = await freePort();
    let own = await startClamd({ TCPSocket: String(port) });
    const proxy = await countingProxy(port);
    try {
      const r = await started({ clamav: { address: '127.0.0.1', port: proxy.port } });
      for (const n of [1, 2, 3]) expect(await r.send(message(`kept ${n}`), [USER1])).toMatch(/^250 /);
      expect(await r.send(attached('eicar', 'a.txt', EICAR), [USER1])).toMatch(/^554 5\.7\.1 /);
      expect(proxy.connections()).toBe(1);
      // What clamd does when freshclam has brought new signatures.
      process.kill(own.pid, 'SIGUSR2');
      for (const n of [1, 2, 3, 4, 5]) expect(await r.send(message(`reload ${n}`), [USER1])).toMatch(/^250 /);
      expect(await r.send(attached('eicar again', 'a.txt', EICAR), [USER1])).toMatch(/^554 5\.7\.1 /);
      // Away, in the middle of a kept connection: not looked at is not clean.
      await own.kill();
      expect(await r.send(attached('away', 'a.txt', EICAR), [USER1])).toMatch(/^451 4\.3\.0 /);
      expect(r.arrived.some(({ content }) => content.includes('Subject: away'))).toBe(false);
      await own.stop();
      own = await startClamd({ TCPSocket: String(port) });
      expect(await r.send(attached('back', 'a.txt', EICAR), [USER1])).toMatch(/^554 5\.7\.1 /);
      // clamd ended the connection that was kept: the next message has a new one, and nobody hears of it.
      proxy.cut();
      expect(await r.send(message('after a cut'), [USER1])).toMatch(/^250 /);
      // Twenty at a time: clamd sees no more connections than the configuration allows, and each gets its own answer.
      const many = Array.from({ length: 20 }, (_, n) => {
        const bad = n % 3 === 0;
        return r
          .send(attached(`many ${n}`, 'a.txt', bad ? EICAR : 'fine'), [USER1])
          .then((answer) => expect(answer).toMatch(bad ? /^554 / : /^250 /));
      });
      await Promise.all(many);
    } finally {
      proxy.close();
      await own.stop();
    }
  });

  it('a stream that is too long for clamd, or a scanner that answers amiss, is not clean', async () => {
    const small = await startClamd({ StreamMaxLength: '1M' });
    try {
      const r = await started({ clamav: { address: '127.0.0.1', port: small.port } });
      const large = attached('large', 'a.txt', Buffer.alloc(2_000_000, 'x'));
      expect(await r.send(large, [USER1])).toMatch(/^451 4\.3\.0 /);
      expect(await r.send(message('small'), [USER1])).toMatch(/^250 /);
    } finally {
      await small.stop();
    }
    for (const answer of ['1: stream: OK', '2: stream: OK\0', 'stream: OK\0', '1: stream: ERROR\0', '\0']) {
      const liar = createServer((socket) => {
        socket.on('error', () => undefined);
        socket.on('data', (chunk) => chunk.subarray(-4).equals(Buffer.alloc(4)) && socket.end(answer, 'latin1'));
      }).listen(0, '127.0.0.1');
      await once(liar, 'listening');
      const { port } = liar.address() as AddressInfo;
      await relay?.stop();
      const r = await started({ clamav: { address: '127.0.0.1', port, timeoutMs: 2_000 } });
      expect(await r.send(message('liar'), [USER1]), answer).toMatch(/^451 4\.3\.0 /);
      liar.close();
    }
  });
});

/** Lets connections through and counts them. */
async function countingProxy(to: number) {
  let count = 0;
  const open = new Set<Socket>();
  const server = createServer((socket) => {
    count++;
    const onward = connect(to, '127.0.0.1');
    for (const one of [socket, onward]) {
      open.add(one);
      one.on('error', () => undefined).on('close', () => open.delete(one));
    }
    socket.pipe(onward).pipe(socket);
    onward.on('close', () => socket.destroy());
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const cut = (): void => {
    for (const socket of open) socket.destroy();
  };
  return {
    port: (server.address() as AddressInfo).port,
    connections: () => count,
    cut,
    close() {
      cut();
      server.close();
    },
  };
}

describe('rspamd', () => {
  it('rejects, marks and lets through, and knows the envelope', async () => {
    const r = await started({ rspamd: { url: `http://127.0.0.1:${rspamd.port}` } });
    expect(await r.send(message('fraud'), [USER1])).toBe('554 5.7.1 The message looks like spam');
    await expectLogged(r, 'refused', { policy: [{ rule: 'rspamd', reason: 'reject, score 20.0' }] });
    expect(await r.send(message('casino'), [USER1])).toMatch(/^250 /);
    expect(r.arrived.at(-1)?.extra.get('XPLACEMENT')).toBe('JUNK');
    expect(await r.send(message('lunch'), [USER1])).toMatch(/^250 /);
    expect(r.arrived.at(-1)?.extra.has('XPLACEMENT')).toBe(false);
    const envelope = { from: '127.0.0.9', sender: 'spammer@sender.example' };
    expect(await r.send(message('plain'), [USER1], envelope)).toMatch(/^554 5\.7\.1 /);
  });

  it('that is away means 451, or a header by configuration', async () => {
    const url = `http://127.0.0.1:${await freePort()}`;
    const strict = await started({ rspamd: { url } });
    expect(await strict.send(message('away'), [USER1])).toMatch(/^451 4\.3\.0 /);
    await strict.stop();
    const lenient = await started({ rspamd: { url, onUnavailable: 'pass' } });
    expect(await lenient.send(message('away'), [USER1])).toMatch(/^250 /);
    expect(lenient.arrived[0]?.content).toContain('X-Postern-Not-Scanned: rspamd\r\n');
  });
});

describe('attachments', () => {
  it('are refused by name and by what they really are', async () => {
    const r = await started({ attachments: { names: ['*.exe'], types: ['executable'] } });
    expect(await r.send(attached('name', 'Invoice.EXE', 'text'), [USER1])).toMatch(/^550 5\.7\.1 /);
    await expectLogged(r, 'refused', { policy: [{ rule: 'attachments', reason: 'attachment matches *.exe' }] });
    expect(await r.send(attached('type', 'invoice.pdf', 'MZ\x90\x00'), [USER1])).toMatch(/^550 5\.7\.1 /);
    await expectLogged(r, 'refused', { policy: [{ reason: 'attachment is of kind executable' }] });
    expect(await r.send(attached('fine', 'invoice.pdf', '%PDF-1.7'), [USER1])).toMatch(/^250 /);
  });

  it('that send a message to Junk do so too when it has to wait in the spool', async () => {
    const r = await started({ attachments: { names: ['*.exe'], onFound: 'junk' } });
    r.atData = () => reply(451, '4.3.2', 'later');
    expect(await r.send(attached('waits', 'a.exe', 'text'), [USER1])).toMatch(/^250 /);
    await expectLogged(r, 'accepted', {
      placement: 'junk',
      reply: expect.stringMatching(/^250 2\.0\.0 Ok, queued as /),
    });
    await expectLogged(r, 'spooled', { to: [USER1] });
    r.atData = () => reply(250, '2.0.0', 'delivered');
    await expectLogged(r, 'delivered', { to: USER1 });
    expect(r.arrived.length).toBeGreaterThan(1);
    for (const { extra } of r.arrived) expect(extra.get('XPLACEMENT')).toBe('JUNK');
  });
});
