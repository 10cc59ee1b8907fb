import { connect, type Socket } from 'node:net';
import { connectSmtp } from '@postern/shared/smtp/client.ts';
import { replyLine } from '@postern/shared/smtp/reply.ts';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { type BehindRelay, PRIVATE_LEG, PUBLIC_LEG, RelayProcess, startBehindRelay, USER1 } from './relay-process.ts';
import { send } from './relay-session.ts';
import { Typist } from './support.ts';

/** The relay with several workers. */
let behind: BehindRelay;
const WAIT = { timeout: 10_000, interval: 50 };

beforeAll(async () => {
  behind = await startBehindRelay();
});
afterAll(async () => {
  await behind?.close();
});

describe('several workers', () => {
  it('take mail on one port; one that is killed comes back; they reload and end together', {
    timeout: 60_000,
  }, async () => {
    const relay = new RelayProcess();
    const settings = {
      ...behind.settings(relay.folder),
      workers: 2,
      metrics: { listen: { address: PRIVATE_LEG, port: 0 } },
    };
    relay.configure(settings);
    expect(await relay.start()).toBeUndefined();
    try {
      const before = behind.arrived.length;
      for (let i = 0; i < 6; i++) expect(await send(relay, `w${i}`)).toMatch(/^250 /);
      expect(behind.arrived.length).toBe(before + 6);
      await vi.waitFor(() => expect(relay.logged('accepted')).toHaveLength(6), WAIT);
      const pids = [...new Set(relay.logged('accepted').map(({ pid }) => Number(pid)))];
      expect(pids).toHaveLength(2);
      expect(pids).not.toContain(relay.pid);
      const metrics = async (): Promise<string> =>
        await (await fetch(`http://${PRIVATE_LEG}:${relay.ports.metrics}/metrics`)).text();
      expect(await metrics()).toMatch(/^postern_mail_events_total\{event="accepted",stage="",code="250"\} 6$/m);

      process.kill(pids[0] ?? 0, 'SIGKILL');
      await vi.waitFor(
        async () => {
          const ready = await fetch(`http://${PRIVATE_LEG}:${relay.ports.metrics}/readyz`);
          expect(await ready.json()).toMatchObject({ workers: 2 });
          expect(relay.logged('worker-died')).toHaveLength(1);
        },
        { ...WAIT, timeout: 20_000 },
      );
      expect(await send(relay, 'after')).toMatch(/^250 /);

      relay.configure({ ...settings, limits: { greetingWaitMs: 0, maxMessageBytes: 5_000 } });
      relay.signal('SIGHUP');
      await vi.waitFor(() => expect(relay.logged('worker-reloaded')).toHaveLength(2), WAIT);
      for (let i = 0; i < 2; i++) {
        const peer = await Typist.connect(relay.address);
        await peer.reply();
        expect(await peer.say('EHLO x')).toContain('SIZE 5000');
        peer.close();
      }
      relay.signal('SIGTERM');
      expect(await relay.ended()).toBe(0);
      for (const pid of pids) expect(() => process.kill(pid, 0)).toThrow();
    } finally {
      await relay.stop();
    }
  });

  it('count as one: rates, guesses, the greylist, and addresses that are known while the directory is away', {
    timeout: 60_000,
  }, async () => {
    const relay = new RelayProcess();
    const base = behind.settings(relay.folder);
    const settings = {
      ...base,
      workers: 2,
      directory: { ...(base.directory as object), timeoutMs: 500, foundTtlMs: 0, notFoundTtlMs: 0 },
      recipients: { tarpitAfter: 1_000, refuseAfter: 4, forgetMs: 600_000 },
      policy: { trustedNetworks: [], helo: { enabled: false }, rates: { address: { count: 6, perMs: 3_600_000 } } },
      authentication: { enabled: false },
    };
    /** One session for each question, in turn with one worker and the other. */
    const rcpt = async (from: string, to: string): Promise<string> => {
      const peer = await connectSmtp({
        ...{ host: PUBLIC_LEG, port: relay.ports.smtp[0] ?? 0, localAddress: from },
        ...{ protocol: 'smtp', heloName: 'mail.sender.example', tls: { mode: 'none' } },
      });
      const [outcome] = await peer.probe('a@sender.example', [to]);
      await peer.quit();
      return outcome === undefined ? '' : replyLine(outcome.reply).slice(0, 9);
    };
    const inTurn = async (times: number, ask: (n: number) => Promise<string>): Promise<string[]> => {
      const answers: string[] = [];
      for (let n = 0; n < times; n++) answers.push(await ask(n));
      return answers;
    };
    relay.configure(settings);
    expect(await relay.start()).toBeUndefined();
    try {
      // Nine messages of one address where six are allowed: exactly six, though neither worker met as many.
      expect(await inTurn(9, () => rcpt('127.0.3.1', USER1))).toEqual([
        ...new Array(6).fill('250 2.1.5'),
        ...new Array(3).fill('450 4.7.1'),
      ]);
      // Four guesses are looked up, whichever worker hears them.
      expect(await inTurn(6, (n) => rcpt('127.0.3.2', `guess${n}@domain1.example`))).toEqual([
        ...new Array(4).fill('550 5.1.1'),
        ...new Array(2).fill('450 4.7.1'),
      ]);
      const reload = async (policy: object): Promise<void> => {
        const before = relay.logged('worker-reloaded').length;
        relay.configure({ ...settings, policy: { ...settings.policy, rates: {}, ...policy } });
        relay.signal('SIGHUP');
        await vi.waitFor(() => expect(relay.logged('worker-reloaded')).toHaveLength(before + 2), WAIT);
      };
      // Who tried at one worker comes back to the other.
      await reload({ greylisting: { enabled: true, delayMs: 1_000 } });
      expect(await inTurn(2, () => rcpt('127.0.4.1', USER1))).toEqual(['450 4.7.1', '450 4.7.1']);
      await vi.waitFor(async () => expect(await rcpt('127.0.4.1', USER1)).toBe('250 2.1.5'), WAIT);
      expect(await inTurn(3, () => rcpt('127.0.4.1', USER1))).toEqual(new Array(3).fill('250 2.1.5'));
      // A reload forgives no guess.
      await reload({});
      expect(await inTurn(2, () => rcpt('127.0.3.2', USER1))).toEqual(['450 4.7.1', '450 4.7.1']);
      // One worker alone heard of user2; the directory goes away; both know the address.
      expect(await rcpt('127.0.5.1', 'user2@domain1.example')).toBe('250 2.1.5');
      behind.slapd.pause();
      try {
        expect(await inTurn(4, (n) => rcpt(`127.0.5.${n + 2}`, 'user2@domain1.example'))).toEqual(
          new Array(4).fill('250 2.1.5'),
        );
        expect(await inTurn(2, (n) => rcpt(`127.0.5.${n + 20}`, 'user3@domain1.example'))).toEqual(
          new Array(2).fill('451 4.4.3'),
        );
      } finally {
        behind.slapd.resume();
      }
      expect(relay.logged('memory-not-answered')).toEqual([]);
      expect(new Set(relay.logged('connected').map(({ pid }) => pid)).size).toBe(2);
    } finally {
      await relay.stop();
    }
  });

  it('have so many sessions together as are allowed, in total and from one address; those of a worker that dies are free', async () => {
    const relay = new RelayProcess();
    const limits = { greetingWaitMs: 0, maxConnections: 8, maxConnectionsPerAddress: 5 };
    relay.configure({ ...behind.settings(relay.folder), workers: 2, limits });
    expect(await relay.start()).toBeUndefined();
    const open = new Set<Socket>();
    const greeting = async (localAddress: string): Promise<string> => {
      const socket = connect({ host: PUBLIC_LEG, port: relay.ports.smtp[0] ?? 0, localAddress });
      open.add(socket);
      const words = new Promise<string>((heard) => {
        socket.once('data', (data) => heard(data.toString().slice(0, 9)));
        socket.on('error', () => heard(''));
        socket.once('close', () => {
          open.delete(socket);
          heard('');
        });
      });
      return await words;
    };
    /** Tries more often than there is room for: who was told to go is counted until the connection has closed. */
    const refusals = async (from: string): Promise<string[]> => {
      const words: string[] = [];
      for (let n = 0; n < 12; n++) words.push(await greeting(from));
      return words.filter((word) => !word.startsWith('220 '));
    };
    const sessionsOf = (from: string): number => [...open].filter((one) => one.localAddress === from).length;
    try {
      expect(await refusals('127.0.6.1')).toContain('421 4.7.0');
      await vi.waitFor(() => expect(sessionsOf('127.0.6.1')).toBe(5), WAIT);
      expect(await refusals('127.0.6.2')).toContain('421 4.3.2');
      await vi.waitFor(() => expect(sessionsOf('127.0.6.2')).toBe(3), WAIT);
      const pids = [...new Set(relay.logged('connected').map(({ pid }) => Number(pid)))];
      expect(pids).toHaveLength(2);
      process.kill(pids[0] ?? 0, 'SIGKILL');
      await vi.waitFor(() => expect(sessionsOf('127.0.6.1')).toBeLessThan(5), WAIT);
      await vi.waitFor(() => expect(relay.logged('worker-died')).toHaveLength(1), WAIT);
      expect(await refusals('127.0.6.1')).not.toEqual([]);
      await vi.waitFor(() => expect(sessionsOf('127.0.6.1')).toBe(5), WAIT);
    } finally {
      for (const socket of open) socket.destroy();
      await relay.stop();
    }
  });
});
