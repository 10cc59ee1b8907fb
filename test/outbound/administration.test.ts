import { readFileSync } from 'node:fs';
import { request } from 'node:https';
import { join, resolve } from 'node:path';
import { type PrivateServices, startPrivateServices } from '@postern/gateway/relay/admin/services.ts';
import { relayConfigSchema } from '@postern/gateway/relay/config.ts';
import { newDeliveryId } from '@postern/shared/delivery/delivery-id.ts';
import { silentLog } from '@postern/shared/runtime/log.ts';
import { Metrics } from '@postern/shared/runtime/metrics.ts';
import { reply } from '@postern/shared/smtp/reply.ts';
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { mustRun } from '../support/program.ts';
import {
  letter,
  type OutboundRelay,
  PATIENCE,
  PRIVATE_LEG,
  relaySettings,
  type Surroundings,
  startOutboundRelay,
  startSurroundings,
} from './outbound-relay.ts';

const CLI = resolve(import.meta.dirname, '../../gateway/cli/postern-gateway.ts');

let around: Surroundings;
let relay: OutboundRelay;
let services: PrivateServices;
/** The domain away.example takes no mail for now. */
let isAway = true;
/** Called while slow.example has a message and has not answered. */
let whileSent: () => Promise<void> = () => Promise.resolve();

beforeAll(async () => {
  around = await startSurroundings();
  const hosts = { away: '127.0.1.40', slow: '127.0.1.41', good: '127.0.1.42' };
  for (const [name, address] of Object.entries(hosts)) {
    around.dns.zone.set(`MX ${name}.example`, [`mx.${name}.example`]);
    around.dns.zone.set(`A mx.${name}.example`, [address]);
  }
  await around.remote.add(hosts.good);
  await around.remote.add(hosts.away, {
    atData: () => (isAway ? reply(451, '4.3.2', 'Come back later') : reply(250, '2.0.0', 'OK')),
  });
  await around.remote.add(hosts.slow, {
    async atData() {
      await whileSent();
      return reply(250, '2.0.0', 'OK');
    },
  });
  // A retry that nobody asked for is an hour away.
  relay = await startOutboundRelay(around, {
    queue: { retryMs: 3_600_000, maxRetryMs: 3_600_000, lifetimeMs: 86_400_000 },
  });
  const admin = {
    ...{ listen: { address: PRIVATE_LEG, port: 0 }, tls: around.pki.relay, clientCa: around.pki.ca },
    clients: ['hub.example'],
  };
  const logFile = { file: join(relay.spoolPath, 'relay.log') };
  const config = relayConfigSchema.parse(relaySettings(around, relay.spoolPath, {}, { admin, log: logFile }));
  const state = () => ({ ready: true, workers: 1, queued: relay.relay.queued, store: relay.relay.storeHealth });
  services = await startPrivateServices(
    config,
    new Metrics(),
    {
      ...{ spool: relay.relay.spool, state, sessions: () => 0, others: async () => [] },
      outbound: () => relay.relay.outboundState,
    },
    silentLog(),
  );
});

beforeEach(() => {
  isAway = true;
});

afterAll(async () => {
  await services?.close();
  await relay?.stop();
  await around?.stop();
});

/** By HTTPS, as the console asks. */
function byAdmin(method: string, path: string): Promise<{ status: number; json: unknown }> {
  const { pki } = around;
  const identity = { cert: readFileSync(pki.hub.cert), key: readFileSync(pki.hub.key), ca: readFileSync(pki.ca) };
  const options = { host: PRIVATE_LEG, port: services.ports.admin, servername: 'relay.example', agent: false };
  return new Promise((done, fail) => {
    const asked = request({ ...options, ...identity, method, path }, (response) => {
      let text = '';
      response.on('data', (chunk: Buffer) => (text += chunk.toString()));
      response.on('end', () => done({ status: response.statusCode ?? 0, json: JSON.parse(text) as unknown }));
    });
    asked.on('error', fail);
    asked.end();
  });
}

/** By the command line, in a process of its own. */
const byCommand = (...args: string[]): Promise<string> =>
  mustRun(process.execPath, [CLI, 'queue', ...args, '--spool', relay.spoolPath]);

async function waiting(mark: string): Promise<string> {
  const id = newDeliveryId();
  await relay.handOver(letter(mark), { to: [`x@away.example`], id });
  await vi.waitFor(
    () => expect(relay.log().some((l) => l.event === 'deferred' && l.deliveryId === id)).toBe(true),
    PATIENCE,
  );
  return id;
}

const arrived = (mark: string, times: number) =>
  vi.waitFor(() => expect(around.remote.with(mark)).toHaveLength(times), PATIENCE);

describe('an administrator of mail that leaves', () => {
  it('sees why a message waits, and has it tried at once', async () => {
    const id = await waiting('retried');
    expect(await byCommand('list')).toMatch(
      new RegExp(`^${id}  active .* <user1@domain1\\.example> → x@away\\.example$`, 'm'),
    );
    expect(await byCommand('show', id)).toContain('<x@away.example> 451 4.3.2 Come back later');
    expect(await byAdmin('GET', `/queue/${id}`)).toMatchObject({
      status: 200,
      json: [{ folder: 'active', recipients: [{ address: 'x@away.example', reply: { text: 'Come back later' } }] }],
    });
    expect(await byAdmin('GET', `/trace?q=${id}`)).toMatchObject({
      status: 200,
      json: { journeys: [{ deliveryId: id }] },
    });
    isAway = false;
    expect(await byAdmin('POST', `/queue/${id}/retry`)).toMatchObject({ status: 200 });
    await arrived('retried', 1);
  });

  it('holds one, and releases it', async () => {
    const id = await waiting('held-one');
    expect(await byAdmin('POST', `/queue/${id}/hold`)).toMatchObject({ status: 200 });
    isAway = false;
    expect(await byAdmin('POST', `/queue/${id}/retry`)).toMatchObject({ status: 409 });
    expect(await byCommand('list')).toContain(`${id}  held `);
    expect(await byCommand('release', id)).toContain('is back in the queue');
    await arrived('held-one', 1);
  });

  it('deletes one, has one begin anew, and gives one up', async () => {
    const [deleted, requeued, expired] = [
      await waiting('deleted'),
      await waiting('requeued'),
      await waiting('expired'),
    ];
    expect(await byAdmin('DELETE', `/queue/${deleted}`)).toMatchObject({ status: 200 });
    expect(await byCommand('expire', expired)).toContain('has expired and is held');
    isAway = false;
    expect(await byCommand('requeue', requeued)).toContain('begins anew');
    await arrived('requeued', 1);
    expect(await byCommand('show', expired)).toContain('expired by an administrator');
    await byCommand('delete', expired);
    expect(around.remote.with('deleted')).toEqual([]);
    await relay.drained();
  });

  it('stops a domain and lets it go on', async () => {
    expect(await byAdmin('POST', '/domains/good.example/hold')).toMatchObject({ json: { held: ['good.example'] } });
    await vi.waitFor(() => expect(relay.log().some((l) => l.event === 'domains-held')).toBe(true), PATIENCE);
    await relay.handOver(letter('stopped'), { to: ['x@good.example', 'x@slow.example'] });
    await arrived('stopped', 1);
    expect(around.remote.with('stopped')[0]?.to).toEqual(['x@slow.example']);
    expect(await byAdmin('GET', '/domains')).toMatchObject({ json: { held: ['good.example'] } });
    expect(await byCommand('release-domain', 'good.example')).toContain('no domain is held');
    await arrived('stopped', 2);
  });

  it('who holds a message while it is being sent does not have it sent twice by the release', async () => {
    const id = newDeliveryId();
    whileSent = async () => {
      expect(await byAdmin('POST', `/queue/${id}/hold`)).toMatchObject({ status: 200 });
      whileSent = () => Promise.resolve();
    };
    await relay.handOver(letter('under-way'), { to: ['x@slow.example', 'y@away.example'], id });
    await arrived('under-way', 1);
    // What the other side took is noted; the other recipient is held.
    await vi.waitFor(async () => {
      expect(await byAdmin('GET', `/queue/${id}`)).toMatchObject({
        json: [{ folder: 'held', recipients: [{ status: 'delivered' }, { status: 'pending' }] }],
      });
    }, PATIENCE);
    isAway = false;
    expect(await byAdmin('POST', `/queue/${id}/release`)).toMatchObject({ status: 200 });
    await arrived('under-way', 2);
    await relay.drained();
    expect(around.remote.with('under-way').map(({ to }) => to.join())).toEqual(['x@slow.example', 'y@away.example']);
  });

  it('who holds one under way that has no other recipient finds it gone: it was delivered', async () => {
    const id = newDeliveryId();
    whileSent = async () => {
      expect(await byAdmin('POST', `/queue/${id}/hold`)).toMatchObject({ status: 200 });
      whileSent = () => Promise.resolve();
    };
    await relay.handOver(letter('gone-already'), { to: ['x@slow.example'], id });
    await arrived('gone-already', 1);
    await vi.waitFor(async () => {
      const { status, json } = await byAdmin('POST', `/queue/${id}/release`);
      expect({ status, json }).toMatchObject({ status: 409, json: [{ error: 'is not in the spool' }] });
    }, PATIENCE);
    await relay.drained();
    expect(around.remote.with('gone-already')).toHaveLength(1);
  });
});
