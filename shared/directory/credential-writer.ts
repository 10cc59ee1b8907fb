import type { Log } from '../runtime/log.ts';
import { APP_PASSWORD_CLASS, appPasswordDn } from './app-password-entry.ts';
import type { Account } from './directory.ts';
import { type AttributeChange, addEntry, changeEntry, LDAP_RESULT, removeEntry } from './ldap-changes.ts';
import { type ChangeResult, LdapFault } from './ldap-connection.ts';
import { readEndpoints } from './ldap-directory.ts';
import { LdapPool } from './ldap-pool.ts';
import { equals, isA } from './presets/entry.ts';
import type { DirectorySettings } from './settings.ts';

/** `refused`: the directory does not allow it, or cannot hold it; `unknown`: it did not answer. */
export type CredentialOutcome =
  | { readonly kind: 'done' }
  | { readonly kind: 'refused'; readonly why: string }
  | { readonly kind: 'unknown'; readonly cause: string };

/**
 * What the store writes into the directory by its own account: the marker of a second factor, and app passwords. Both depend on a
 * code that the directory cannot judge, so the store judges it, and nobody else may write them (docs/sign-in.md).
 */
export interface CredentialWriter {
  markSecondFactor(account: Account, on: boolean): Promise<CredentialOutcome>;
  /** `hashed` is a value of userPassword with its scheme, never the password itself. */
  addAppPassword(
    account: Account,
    given: {
      readonly name: string;
      readonly hashed: string;
      readonly label: string;
      readonly services: readonly string[];
    },
  ): Promise<CredentialOutcome>;
  /** Removing one that is not there is done. */
  removeAppPassword(account: Account, name: string): Promise<CredentialOutcome>;
  close(): void;
}

const MARKER_CLASS = 'posternSecondFactor';

/** Opens nothing until the first change. */
export function openCredentialWriter(settings: DirectorySettings, log: Log): CredentialWriter {
  const pool = new LdapPool({
    endpoints: readEndpoints(settings),
    bindAs: settings.bindDn === '' ? undefined : { dn: settings.bindDn, password: settings.bindPassword },
    maxConnections: 1,
    maxInFlight: 16,
    timeoutMs: settings.timeoutMs,
    log,
  });
  const outcome = async (
    change: () => Promise<ChangeResult>,
    alsoDone: readonly number[] = [],
  ): Promise<CredentialOutcome> => {
    try {
      const { code, message } = await change();
      if (code === LDAP_RESULT.success || alsoDone.includes(code)) return { kind: 'done' };
      return { kind: 'refused', why: `result code ${code} ${message}`.trim() };
    } catch (error) {
      if (error instanceof LdapFault) return { kind: 'unknown', cause: error.message };
      throw error;
    }
  };

  return {
    markSecondFactor: (account, on) =>
      outcome(() =>
        pool.use(async (connection, timeoutMs) => {
          const [entry] = await connection.search(
            { baseDn: account.dn, filter: equals('entryDN', account.dn), attributes: ['objectClass'], maxEntries: 1 },
            timeoutMs,
          );
          const hasClass = entry !== undefined && isA(entry, MARKER_CLASS);
          if (!on && !hasClass) return { code: LDAP_RESULT.success, message: '' };
          const marker: AttributeChange = {
            operation: 'replace',
            attribute: 'secondFactor',
            values: on ? ['TRUE'] : [],
          };
          const classChange: AttributeChange = {
            operation: on ? 'add' : 'delete',
            attribute: 'objectClass',
            values: [MARKER_CLASS],
          };
          const changes = on && hasClass ? [marker] : on ? [classChange, marker] : [marker, classChange];
          return changeEntry(connection, account.dn, changes, timeoutMs);
        }),
      ),
    addAppPassword: (account, { name, hashed, label, services }) =>
      outcome(() =>
        pool.use((connection, timeoutMs) =>
          addEntry(
            connection,
            appPasswordDn(settings, account, name),
            {
              objectClass: ['applicationProcess', APP_PASSWORD_CLASS, 'authorizedServiceObject'],
              cn: [cnOf(appPasswordDn(settings, account, name))],
              description: label === '' ? [] : [label],
              authorizedService: services,
              userPassword: [hashed],
            },
            timeoutMs,
          ),
        ),
      ),
    removeAppPassword: (account, name) =>
      outcome(
        () =>
          pool.use((connection, timeoutMs) =>
            removeEntry(connection, appPasswordDn(settings, account, name), timeoutMs),
          ),
        [LDAP_RESULT.noSuchObject],
      ),
    close: () => pool.close(),
  };
}

function cnOf(dn: string): string {
  return dn.slice('cn='.length, dn.indexOf(','));
}
