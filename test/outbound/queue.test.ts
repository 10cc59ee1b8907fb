import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { newDeliveryId } from '@postern/shared/delivery/delivery-id.ts';
import { reply } from '@postern/shared/smtp/reply.ts';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import {
  handOver,
  letter,
  type OutboundRelay,
  PATIENCE,
  type Surroundings,
  startOutboundRelay,
  startSurroundings,
  USER1,
} from './outbound-relay.ts';

let around: Surroundings;
let relay: OutboundRelay;
let busyAtOnce = 0;
let mostAtOnce = 0;

beforeAll(async () => {
  around = await startSurroundings();
  const { dns, remote } = around;
  const hosts = {
    ...{ fast: '127.0.1.10', fast2: '127.0.1.11', silent: '127.0.1.12', closed: '127.0.1.13', busy: '127.0.1.14' },
    ...{ held: '127.0.1.15', warned: '127.0.1.16', cut: '127.0.1.17', plain: '127.0.1.18' },
  };
  for (const [name, address] of Object.entries(hosts)) {
    dns.zone.set(`MX ${name}.example`, [`mx.${name}.example`]);
    dns.zone.set(`A mx.${name}.example`, [address]);
  }
  await remote.add(hosts.fast);
  await remote.add(hosts.fast2);
  await remote.addSilent(hosts.silent);
  await remote.add(hosts.held);
  await remote.add(hosts.warned, { atData: () => reply(452, '4.2.2', 'The mailbox is full, says the other side') });
  await remote.add(hosts.busy, {
    async atData() {
      mostAtOnce = Math.max(mostAtOnce, ++busyAtOnce);
      await pause(30);
      busyAtOnce--;
      return reply(250, '2.0.0', 'OK');
    },
  });
  relay = await startOutboundRelay(around, { queue: { perDestination: 6, concurrency: 12 } });
});

afterAll(async () => {
  await relay?.stop();
  await around?.stop();
});

const dsns = (mark: string) => around.inward.filter(({ from, content }) => from === '' && content.includes(mark));
const dsnAbout = (mark: string, action: string) =>
  vi.waitFor(() => {
    const found = dsns(mark).find(({ content }) => content.includes(`Action: ${action}\r\n`));
    if (found === undefined) throw new Error(`no DSN (${action}) about ${mark}`);
    return found;
  }, PATIENCE);

describe('destinations', () => {
  it('do not wait for one that is dead: two fast ones get all of theirs while its messages hang', async () => {
    const to = (domain: string, n: number) =>
      Array.from({ length: n }, (_, i) =>
        relay.handOver(letter(`row-${domain}-${i}`), { to: [`u${i}@${domain}.example`] }),
      );
    await Promise.all(to('silent', 30));
    await Promise.all([...to('fast', 20), ...to('fast2', 20)]);
    await vi.waitFor(() => {
      expect(around.remote.with('row-fast-')).toHaveLength(20);
      expect(around.remote.with('row-fast2-')).toHaveLength(20);
    }, PATIENCE);
    await vi.waitFor(() => expect(relay.relay.queued).toBe(30), PATIENCE);
    for (const id of (await relay.relay.spool.list('active')).slice()) await relay.relay.spool.remove('active', id);
  });

  it('get no more at a time than is set', async () => {
    await Promise.all(
      Array.from({ length: 40 }, (_, i) => relay.handOver(letter(`busy-${i}-`), { to: [`u${i}@busy.example`] })),
    );
    await vi.waitFor(() => expect(around.remote.with('busy-')).toHaveLength(40), PATIENCE);
    expect(mostAtOnce).toBeGreaterThan(1);
    expect(mostAtOnce).toBeLessThanOrEqual(6);
    // Connections are used again.
    expect(new Set(around.remote.with('busy-').map(({ connection }) => connection)).size).toBeLessThanOrEqual(8);
  });

  it('that an administrator holds get nothing until they are released', async () => {
    await relay.relay.spool.holdDomains(['held.example']);
    // The queue looks once a second; a message to another domain does not wait.
    await vi.waitFor(() => expect(relay.log().some((l) => l.event === 'domains-held')).toBe(true), PATIENCE);
    await relay.handOver(letter('on-hold'), { to: ['x@held.example', 'y@fast.example'] });
    await vi.waitFor(() => expect(around.remote.with('on-hold')).toHaveLength(1), PATIENCE);
    expect(around.remote.with('on-hold')[0]?.to).toEqual(['y@fast.example']);
    await relay.relay.spool.holdDomains([]);
    await vi.waitFor(() => expect(around.remote.with('on-hold')).toHaveLength(2), PATIENCE);
  });
});

describe('who may hand over', () => {
  it.each([
    ['a stranger’s certificate', () => around.pki.stranger, undefined, 554],
    ['no certificate', () => undefined, undefined, 530],
  ])('nobody with %s', async (_, identity, localAddress, code) => {
    const outcomes = await relay.handOver(letter('stranger'), {
      to: ['x@fast.example'],
      identity: identity(),
      ...(localAddress ?? {}),
    });
    expect(outcomes[0]?.reply.code).toBe(code);
  });

  it('a named host of the DMZ: outside by the queue, and to accounts here by LMTP', async () => {
    const port = relay.relay.onwardPort ?? 0;
    const what = {
      to: ['x@fast.example', USER1],
      identity: undefined,
      localAddress: '127.0.0.80',
      from: 'www@domain1.example',
    };
    const outcomes = await handOver(around.pki, port, letter('from-www'), what);
    expect(outcomes.map((o) => o.reply.code)).toEqual([250, 250]);
    await vi.waitFor(() => expect(around.remote.with('from-www')).toHaveLength(1), PATIENCE);
    await vi.waitFor(
      () => expect(around.inward.filter((m) => m.content.includes('from-www'))).toHaveLength(1),
      PATIENCE,
    );
  });

  it('is offered XDELIVERYID with a known certificate alone', async () => {
    const socket = connect(relay.relay.onwardPort ?? 0, '127.0.0.2');
    socket.write('EHLO x\r\n');
    let said = '';
    socket.on('data', (chunk) => {
      said += chunk.toString();
    });
    await vi.waitFor(() => expect(said).toContain('250 '), PATIENCE);
    socket.destroy();
    expect(said).not.toContain('XDELIVERYID');
  });
});

describe('a delivery that the hub repeats', () => {
  it('is answered 250 and sent once, while it waits and after it is finished, also by a relay that was restarted', async () => {
    const id = newDeliveryId();
    const what = { to: ['x@fast.example'], id };
    const answers = await Promise.all([relay.handOver(letter('twice'), what), relay.handOver(letter('twice'), what)]);
    await vi.waitFor(() => expect(around.remote.with('twice').length).toBeGreaterThan(0), PATIENCE);
    answers.push(await relay.handOver(letter('twice'), what));
    expect(answers.flat().map((o) => o.reply.code)).toEqual([250, 250, 250]);
    const more = await relay.handOver(letter('twice'), { to: ['x@fast.example', 'more@fast.example'], id });
    expect(more.map((o) => o.kind)).toEqual(['delivered', 'delivered']);
    await vi.waitFor(
      () =>
        expect(around.remote.with('twice').flatMap(({ to }) => to)).toEqual(['x@fast.example', 'more@fast.example']),
      PATIENCE,
    );
  });

  it('with other octets is put off, and an alarm', async () => {
    const id = newDeliveryId();
    await relay.handOver(letter('octets'), { to: ['x@fast.example'], id });
    const [outcome] = await relay.handOver(letter('other-octets'), { to: ['x@fast.example'], id });
    expect(outcome?.reply.code).toBe(451);
    await vi.waitFor(
      () => expect(relay.log().some((l) => l.event === 'delivery-id-conflict' && l.deliveryId === id)).toBe(true),
      PATIENCE,
    );
  });
});

describe('a message that waits', () => {
  it('is told of once, and in the end comes back with the words of the other side', async () => {
    const hurried = await startOutboundRelay(around, { queue: { lifetimeMs: 2_500, delayWarningMs: 600 } });
    await hurried.handOver(letter('waits'), { to: ['x@warned.example'], envid: 'my envelope', ret: 'FULL' });
    const warning = await dsnAbout('waits', 'delayed');
    expect(warning.content).toContain('Will-Retry-Until: ');
    expect(warning.content).toContain('says the other side');
    const end = await dsnAbout('waits', 'failed');
    expect(end.to).toEqual([USER1]);
    expect(end.content).toContain('Status: 5.4.7');
    expect(end.content).toContain('452 4.2.2 The mailbox is full, says the other side');
    expect(end.content).toContain('Original-Envelope-Id: my envelope');
    expect(end.content).toContain('Hello waits.');
    await hurried.drained();
    expect(dsns('waits')).toHaveLength(2);
    await hurried.stop();
  });

  it('is nobody’s news with NOTIFY=NEVER or the null reverse-path', async () => {
    const hurried = await startOutboundRelay(around, { queue: { lifetimeMs: 900, delayWarningMs: 200 } });
    await hurried.handOver(letter('never'), { to: [{ address: 'x@warned.example', notify: ['NEVER'] }] });
    await hurried.handOver(letter('from-nobody'), { from: '', to: ['x@warned.example'] });
    await hurried.drained();
    await vi.waitFor(() => expect(hurried.log().filter((l) => l.event === 'dropped')).toHaveLength(2), PATIENCE);
    expect([...dsns('never'), ...dsns('from-nobody')]).toEqual([]);
    expect(await hurried.relay.spool.list('held')).toEqual([]);
    await hurried.stop();
  });
});

describe('NOTIFY=SUCCESS', () => {
  it('is passed on with ORCPT, ENVID and RET to a server that offers DSN', async () => {
    const recipient = {
      address: 'x@fast.example',
      notify: ['SUCCESS', 'FAILURE'],
      orcpt: 'rfc822;first@domain1.example',
    } as const;
    await relay.handOver(letter('chain'), { to: [recipient], envid: 'env 7', ret: 'HDRS' });
    await vi.waitFor(() => expect(around.remote.with('chain')).toHaveLength(1), PATIENCE);
    expect(around.remote.with('chain')[0]).toMatchObject({ envid: 'env 7', ret: 'HDRS', recipients: [recipient] });
    expect(dsns('chain')).toEqual([]);
  });

  it('is answered `relayed` by us where the next server is Postfix’s sink, which offers none; and a message that it cut off after the last dot comes again', async () => {
    const { port } = around.remote;
    // Hangs up instead of its answer to the content (RFC 5321 §4.5.4.1 then asks for another try).
    const cutting = await startSink('127.0.1.17', port, ['-N', '-q', '.', '-h', 'mx.cut.example']);
    await relay.handOver(letter('cut'), { to: [{ address: 'x@cut.example', notify: ['SUCCESS'] }] });
    await vi.waitFor(
      () => expect(relay.log().some((l) => l.event === 'deferred' && l.to === 'x@cut.example')).toBe(true),
      PATIENCE,
    );
    cutting.kill();
    await once(cutting, 'exit');
    const taking = await startSink('127.0.1.17', port, ['-N', '-h', 'mx.cut.example']);
    const notice = await dsnAbout('cut', 'relayed');
    expect(notice.content).toContain('Final-Recipient: rfc822; x@cut.example');
    expect(notice.content).toContain('Remote-MTA: dns; mx.cut.example');
    taking.kill();
  });
});

async function startSink(address: string, port: number, options: readonly string[]) {
  const child = spawn('/usr/sbin/smtp-sink', ['-u', 'nobody', ...options, `inet:${address}:${port}`, '100'], {
    stdio: 'ignore',
  });
  await vi.waitFor(
    () =>
      new Promise<void>((resolve, reject) => {
        const socket = connect(port, address, () => {
          socket.destroy();
          resolve();
        });
        socket.once('error', reject);
      }),
    PATIENCE,
  );
  return child;
}
