import { cachedDirectory } from '@postern/shared/directory/cached-directory.ts';
import { openLdapDirectory } from '@postern/shared/directory/ldap-directory.ts';
import type { Log } from '@postern/shared/runtime/log.ts';
import type { SmtpHandlers } from '@postern/shared/smtp/listener.ts';
import type { RelayConfig } from '../config.ts';
import { openResolver } from '../dns/resolver.ts';
import type { RelayMemory } from '../memory/relay-memory.ts';
import { onwardHandlers } from '../outbound/onward-session.ts';
import { RepeatedDeliveries } from '../outbound/repeated-deliveries.ts';
import { openSigner } from '../outbound/signing.ts';
import type { ReturnRoutes } from '../spool/notices.ts';
import type { QueueRunner } from '../spool/queue-runner.ts';
import type { Spool } from '../spool/spool.ts';
import type { Stores } from '../stores.ts';
import { LockOut } from '../submission/lock-out.ts';
import { SendLimits } from '../submission/send-limits.ts';
import { submissionHandlers } from '../submission/session.ts';
import { contentRules } from './content/content-rules.ts';
import { Forward } from './forward.ts';
import { Inspector } from './inspection.ts';
import { openPolicy } from './policy/open-policy.ts';
import { Recipients } from './recipients.ts';
import { inboundHandlers } from './session.ts';

/** What outlives a change of settings. */
export interface InboundParts {
  readonly spool: Spool;
  readonly stores: Stores;
  readonly queue: Pick<QueueRunner, 'added'>;
  readonly memory: RelayMemory;
  /** There is a way out for outside targets of aliases. */
  readonly mailLeaves: boolean;
}

/** The way of mail inwards, under settings that can be replaced while it runs. */
export interface Inbound {
  /** For sessions to come; a session keeps those that it began with. */
  readonly handlers: SmtpHandlers;
  /** For sessions of the hub and of hosts in the DMZ; undefined where `outbound.listen` is not set. */
  readonly onwardHandlers: SmtpHandlers | undefined;
  /** For sessions of people on the road; undefined where `submission` is not set. */
  readonly submissionHandlers: SmtpHandlers | undefined;
  readonly returnRoutes: ReturnRoutes;
  /** New settings for sessions to come. What the old ones opened is closed with the last session that has them. */
  replace(config: RelayConfig): void;
  close(): Promise<void>;
}

/** One set of settings, and the sessions that live by it. */
interface Generation {
  readonly handlers: SmtpHandlers;
  readonly onwardHandlers: SmtpHandlers | undefined;
  readonly submissionHandlers: SmtpHandlers | undefined;
  readonly returnRoutes: ReturnRoutes;
  sessions: number;
  retired: boolean;
  readonly close: () => Promise<void>;
}

export function openInbound(config: RelayConfig, parts: InboundParts, log: Log): Inbound {
  const living = new Set<Generation>();
  // What is known of users, guessers and the hub's deliveries outlives a change of settings.
  const lasting: Lasting = { repeated: new RepeatedDeliveries(parts.spool, log), ...submissionGuards(config) };
  const open = (settings: RelayConfig): Generation => {
    const generation = openGeneration(settings, { ...parts, ...lasting }, log, () => end(generation));
    living.add(generation);
    return generation;
  };
  const end = (generation: Generation): void => {
    if (!generation.retired || generation.sessions > 0 || !living.delete(generation)) return;
    generation.close().catch((error: unknown) => log.error({ event: 'close-failed', part: 'directory', err: error }));
  };
  let current = open(config);
  return {
    get handlers() {
      return current.handlers;
    },
    get onwardHandlers() {
      return current.onwardHandlers;
    },
    get submissionHandlers() {
      return current.submissionHandlers;
    },
    returnRoutes: (address) => current.returnRoutes(address),
    replace(settings) {
      const old = current;
      current = open(settings);
      old.retired = true;
      end(old);
    },
    async close() {
      await Promise.all([...living].map((generation) => generation.close()));
    },
  };
}

interface Lasting {
  readonly repeated: RepeatedDeliveries;
  readonly lockOut: LockOut | undefined;
  readonly sendLimits: SendLimits | undefined;
}

function submissionGuards({ submission }: RelayConfig): Omit<Lasting, 'repeated'> {
  if (submission === undefined) return { lockOut: undefined, sendLimits: undefined };
  const { lockOut, messagesPerHour, recipientsPerDay } = submission;
  return { lockOut: new LockOut(lockOut), sendLimits: new SendLimits(messagesPerHour, recipientsPerDay) };
}

function openGeneration(config: RelayConfig, parts: InboundParts & Lasting, log: Log, onIdle: () => void): Generation {
  const { limits } = config;
  const directorySettings = { localAddress: config.innerAddress, ...config.directory };
  const directory = cachedDirectory(openLdapDirectory(directorySettings, log), {
    ...config.directory,
    known: parts.memory.knownAddresses,
    onStale: (address, ageMs, cause) =>
      log.warn({ event: 'directory-stale-answer', address, ageSeconds: Math.round(ageMs / 1000), cause }),
  });
  const recipients = new Recipients(
    directory,
    parts.stores,
    parts.memory,
    {
      ...limits,
      defaultDomain: config.directory.defaultDomain,
      sitePostmaster: config.recipients.sitePostmaster,
      srs: config.outbound?.srs,
    },
    parts.mailLeaves,
  );
  const { hostname } = config;
  const resolver = openResolver(config.dns);
  const ownNames = [hostname, ...config.smtp.listen.map(({ address }) => address)];
  const policy = openPolicy(config.policy, { resolver, ownNames, memory: parts.memory });
  const inspector = new Inspector({
    hostname,
    authentication: config.authentication,
    resolver,
    contentRules: contentRules(config.content),
  });
  const { spool, stores, queue } = parts;
  const { outbound, content } = config;
  const forward = new Forward(stores, spool, queue, inspector, openSigner(outbound?.dkim ?? {}), log, {
    ...limits,
    hostname,
    quarantineAddress: content.quarantineAddress,
    internalDomains: outbound?.redactReceived === true ? outbound.internalDomains : undefined,
  });
  const counted = (handlers: SmtpHandlers): SmtpHandlers => ({
    ...handlers,
    onOpen(session) {
      generation.sessions++;
      handlers.onOpen?.(session);
    },
    onClose(session) {
      generation.sessions--;
      handlers.onClose?.(session);
      onIdle();
    },
  });
  const listen = config.outbound?.listen;
  const generation: Generation = {
    handlers: counted(inboundHandlers(recipients, forward, policy, parts.memory, log)),
    onwardHandlers:
      listen === undefined
        ? undefined
        : counted(onwardHandlers({ recipients, forward, repeated: parts.repeated, log, ...listen })),
    submissionHandlers:
      config.submission === undefined || parts.lockOut === undefined || parts.sendLimits === undefined
        ? undefined
        : counted(
            submissionHandlers({
              ...{ hostname, directory, recipients, forward, log, settings: config.submission },
              ...{ lockOut: parts.lockOut, limits: parts.sendLimits },
              expansion: {
                defaultDomain: config.directory.defaultDomain,
                maxDepth: limits.maxAliasDepth,
                maxTargets: limits.maxAliasTargets,
              },
            }),
          ),
    returnRoutes: (address) => recipients.returnRoutes(address),
    sessions: 0,
    retired: false,
    async close() {
      inspector.close();
      resolver.close();
      await directory.close();
    },
  };
  return generation;
}
