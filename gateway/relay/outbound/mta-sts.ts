import { readFile, rename, writeFile } from 'node:fs/promises';
import { request } from 'node:https';
import type { LookupFunction } from 'node:net';
import { join } from 'node:path';
import type { Log } from '@postern/shared/runtime/log.ts';
import { MIN_TLS_VERSION } from '@postern/shared/runtime/tls.ts';
import { z } from 'zod';
import { BoundedMap } from '../bounded-map.ts';
import { addressesOf, type Resolver, textRecords, texts } from '../dns/resolver.ts';
import type { AddressGuard } from './address-guard.ts';
import { parsePolicy, policyId, type StsPolicy } from './mta-sts-policy.ts';

export interface StsOptions {
  readonly resolver: Resolver;
  readonly guard: AddressGuard;
  /** Where policies are kept: one that was enforced is still so after a restart. */
  readonly folder: string;
  readonly port: number;
  readonly timeoutMs: number;
  readonly localAddress: string;
  /** PEM texts of CAs; the system's when undefined. */
  readonly ca?: readonly string[] | undefined;
  readonly log: Log;
}

const storedSchema = z.record(z.string(), z.object({ id: z.string(), text: z.string(), fetchedAt: z.number() }));

interface Kept {
  readonly id: string;
  readonly text: string;
  readonly fetchedAt: number;
}

const MAX_POLICIES = 20_000;
/** RFC 8461 §3.3. */
const MAX_POLICY_BYTES = 65_536;
/** After a fetch that failed with nothing kept: RFC 8461 §3.3 leaves the time to us. */
const FAILED_MS = 300_000;
/** A kept policy whose id cannot be asked for is not asked for again so soon. */
const CHECK_MS = 60_000;

/** Policies of other domains (RFC 8461): asked for by DNS, fetched by HTTPS, kept until they end. */
export class StsPolicies {
  readonly #options: StsOptions;
  readonly #kept = new BoundedMap<string, Kept>(MAX_POLICIES);
  readonly #checkedAt = new BoundedMap<string, number>(MAX_POLICIES);
  readonly #failedAt = new BoundedMap<string, number>(MAX_POLICIES);
  readonly #underWay = new Map<string, Promise<StsPolicy | undefined>>();
  #saving: Promise<void> = Promise.resolve();

  constructor(options: StsOptions) {
    this.#options = options;
  }

  async load(): Promise<void> {
    try {
      const stored = storedSchema.parse(JSON.parse(await readFile(this.#file, 'utf8')));
      for (const [domain, kept] of Object.entries(stored)) this.#kept.set(domain, kept);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return;
      this.#options.log.warn({ event: 'mta-sts-cache-unreadable', err: error });
    }
  }

  /** The policy that holds for a domain now; undefined when there is none. Never rejects. */
  policyOf(domain: string): Promise<StsPolicy | undefined> {
    const underWay = this.#underWay.get(domain);
    if (underWay !== undefined) return underWay;
    const asking = this.#policyOf(domain).finally(() => this.#underWay.delete(domain));
    this.#underWay.set(domain, asking);
    return asking;
  }

  async #policyOf(domain: string): Promise<StsPolicy | undefined> {
    const { resolver, log } = this.#options;
    const now = Date.now();
    const kept = this.#valid(domain, now);
    if (kept !== undefined && now - (this.#checkedAt.get(domain) ?? 0) < CHECK_MS) return kept.policy;
    const id = policyId(textRecords(await resolver.query(`_mta-sts.${domain}`, 'TXT')));
    this.#checkedAt.set(domain, now);
    // RFC 8461 §3.1, §5.1: without a record, or when the fetch fails, a policy that is kept holds until it ends.
    if (id === undefined || kept?.id === id) return kept?.policy;
    if (now - (this.#failedAt.get(domain) ?? 0) < FAILED_MS) return kept?.policy;
    try {
      const text = await this.#fetch(domain);
      const policy = parsePolicy(text);
      if (policy === undefined) throw new Error('the policy does not parse');
      this.#kept.set(domain, { id, text, fetchedAt: now });
      this.#save();
      log.info({ event: 'mta-sts-policy', domain, mode: policy.mode, mx: policy.mx });
      return policy;
    } catch (error) {
      this.#failedAt.set(domain, now);
      log.warn({ event: 'mta-sts-fetch-failed', domain, cause: (error as Error).message });
      return kept?.policy;
    }
  }

  #valid(domain: string, now: number): { readonly id: string; readonly policy: StsPolicy } | undefined {
    const kept = this.#kept.get(domain);
    const policy = kept === undefined ? undefined : parsePolicy(kept.text);
    if (kept === undefined || policy === undefined || now > kept.fetchedAt + policy.maxAgeMs) return undefined;
    return { id: kept.id, policy };
  }

  async #fetch(domain: string): Promise<string> {
    const { resolver, guard, port, timeoutMs, localAddress, ca } = this.#options;
    const host = `mta-sts.${domain}`;
    const addresses = texts(await addressesOf(resolver, host)).filter(
      (address) => guard.refuses(address) === undefined,
    );
    const family = localAddress.includes(':') ? 6 : 4;
    const address = addresses.find((one) => one.includes(':') === (family === 6));
    if (address === undefined) throw new Error(`${host} has no address that can be reached`);
    const lookup: LookupFunction = (_name, options, done) => {
      if (options.all === true) done(null, [{ address, family }]);
      else done(null, address, family);
    };
    return await new Promise((resolve, reject) => {
      const asked = request(
        {
          ...{ host, port, path: '/.well-known/mta-sts.txt', lookup, localAddress, agent: false },
          ...{ servername: host, minVersion: MIN_TLS_VERSION, headers: { host } },
          ...(ca === undefined ? {} : { ca: [...ca] }),
          signal: AbortSignal.timeout(timeoutMs),
        },
        (response) => {
          const type = response.headers['content-type'] ?? '';
          // RFC 8461 §3.3: 200 alone, no redirect, text/plain.
          if (response.statusCode !== 200 || !/^text\/plain\b/i.test(type)) {
            response.destroy();
            return reject(new Error(`answered ${response.statusCode} ${type}`));
          }
          const pieces: Buffer[] = [];
          let bytes = 0;
          response.on('data', (piece: Buffer) => {
            bytes += piece.length;
            if (bytes > MAX_POLICY_BYTES) response.destroy(new Error('the policy is too long'));
            else pieces.push(piece);
          });
          response.on('error', reject);
          response.on('end', () => resolve(Buffer.concat(pieces).toString()));
        },
      );
      asked.on('error', reject);
      asked.end();
    });
  }

  get #file(): string {
    return join(this.#options.folder, 'mta-sts.json');
  }

  #save(): void {
    const write = async (): Promise<void> => {
      const text = JSON.stringify(Object.fromEntries(this.#kept.entries()));
      await writeFile(`${this.#file}.new`, text, { mode: 0o600 });
      await rename(`${this.#file}.new`, this.#file);
    };
    this.#saving = this.#saving
      .then(write)
      .catch((error: unknown) => this.#options.log.warn({ event: 'mta-sts-cache-unwritable', err: error }));
  }

  /** Waits until what was learnt is written. */
  async close(): Promise<void> {
    await this.#saving;
  }
}
