import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { rootCertificates } from 'node:tls';
import type { Log } from '@postern/shared/runtime/log.ts';
import type { RelayConfig } from '../config.ts';
import { openResolver } from '../dns/resolver.ts';
import type { Carrier } from '../spool/carrier.ts';
import type { SpooledMessage } from '../spool/spool.ts';
import { addressGuard } from './address-guard.ts';
import { Connections } from './connections.ts';
import { entryFor } from './domain-patterns.ts';
import { StsPolicies } from './mta-sts.ts';
import { OutsideCarrier } from './outside-carrier.ts';
import { OutsideWay, type PreparedMessage, type SmartHost } from './outside-way.ts';
import type { NextHop, OutboundSettings } from './settings.ts';
import { openSealer } from './signing.ts';
import { srsEncode } from './srs.ts';
import { TlsCounts } from './tls-counts.ts';
import { TransportSecurity } from './transport-security.ts';

/** The ways out, to every domain. */
export interface Outbound {
  carrierOf(domain: string): Carrier;
  /** Domains to which nothing is sent for now. */
  hold(domains: readonly string[]): void;
  readonly counts: TlsCounts;
  /** The relay stops: nothing new is opened, and what is in hand has so long. */
  endSoon(graceMs: number): void;
  close(): Promise<void>;
}

/** Folder of the day's counts, in the spool. */
export const TLS_COUNTS = 'tls-counts';

/** Whether mail leaves at all. */
export function mailLeaves(outbound: OutboundSettings | undefined): boolean {
  if (outbound === undefined) return false;
  return outbound.direct || outbound.smartHost !== undefined || Object.keys(outbound.routes).length > 0;
}

/** Rejects when a key or a certificate does not load. */
export async function openOutbound(config: RelayConfig, outbound: OutboundSettings, log: Log): Promise<Outbound> {
  const { localAddress, localAddressIpv6, queue, dane, mtaSts, tls, port } = outbound;
  const resolver = openResolver(config.dns);
  const ownAddresses = [config.innerAddress, ...config.smtp.listen.map(({ address }) => address), localAddress];
  if (localAddressIpv6 !== undefined) ownAddresses.push(localAddressIpv6);
  const guard = addressGuard(ownAddresses, outbound.allowNetworks);
  const extraCa = tls.ca === undefined ? undefined : readFileSync(tls.ca, 'utf8');
  const counts = await TlsCounts.open(join(config.spool.path, TLS_COUNTS), outbound.tlsReports.keepDays, log);
  const policies = new StsPolicies({
    ...{ resolver, guard, localAddress, log, folder: config.spool.path },
    ...{
      port: mtaSts.port,
      timeoutMs: mtaSts.timeoutMs,
      ca: extraCa === undefined ? undefined : withSystemCa(extraCa),
    },
  });
  await policies.load();
  const connections = new Connections(queue.idleConnectionMs);
  const smartHosts = new Map<NextHop, SmartHost>();
  for (const hop of [...Object.values(outbound.routes), outbound.smartHost]) {
    if (hop !== undefined) smartHosts.set(hop, smartHost(hop));
  }
  const isV6 = localAddress.includes(':');
  const way = new OutsideWay({
    ...{ hostname: config.hostname, localAddress, localAddressIpv6, port, direct: outbound.direct, connections, log },
    smartHostOf(domain) {
      const hop = entryFor(outbound.routes, domain) ?? outbound.smartHost;
      return hop === undefined ? undefined : smartHosts.get(hop);
    },
    nextHops: {
      ...{ resolver, guard, ownNames: [config.hostname] },
      ipv4: !isV6,
      ipv6: isV6 || localAddressIpv6 !== undefined,
    },
    security: new TransportSecurity({
      ...{ resolver, counts, port, extraCa, requiredFor: tls.requiredFor },
      policies: mtaSts.enabled ? policies : undefined,
      dane: dane && config.dns.validates,
    }),
    prepare: preparing(outbound),
  });
  return {
    carrierOf: (domain) => new OutsideCarrier(domain, way, queue, queue.perDestination),
    hold: (domains) => way.hold(domains),
    counts,
    endSoon: (graceMs) => connections.endSoon(graceMs),
    async close() {
      await connections.close();
      await policies.close();
      await counts.close();
      resolver.close();
    },
  };
}

/** Forwarded mail leaves with a sender of ours (SRS) and our seal (ARC); all other mail as it lies in the spool. */
function preparing(outbound: OutboundSettings): (message: SpooledMessage) => Promise<PreparedMessage> {
  const seal = openSealer(outbound.arc);
  return async ({ envelope, content }) => {
    const { reversePath, forwarded, authentication } = envelope;
    if (forwarded !== true) return { reversePath, content: [content], bytes: content.length };
    const sender = outbound.srs === undefined ? reversePath : srsEncode(reversePath, outbound.srs, Date.now());
    const sealed = authentication === undefined ? [] : [await seal(content, authentication)];
    const pieces = [...sealed.filter(({ length }) => length > 0), content];
    return { reversePath: sender, content: pieces, bytes: pieces.reduce((sum, piece) => sum + piece.length, 0) };
  };
}

function smartHost({ host, port, tls, ca, serverName }: NextHop): SmartHost {
  return { host, port, tls: { mode: tls, ca: ca === undefined ? undefined : readFileSync(ca, 'utf8'), serverName } };
}

function withSystemCa(extra: string): string[] {
  return [...rootCertificates, extra];
}
