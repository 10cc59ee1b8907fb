import ldap from 'ldapjs';
import type { ChangeResult, LdapConnection } from './ldap-connection.ts';

/** Values by attribute, as an entry is to have them. */
export type EntryAttributes = Readonly<Record<string, readonly string[]>>;

/** One change of an entry (RFC 4511 §4.6); `replace` with no values removes the attribute. */
export interface AttributeChange {
  readonly operation: 'add' | 'delete' | 'replace';
  readonly attribute: string;
  readonly values: readonly string[];
}

/** Result codes (RFC 4511 Appendix A.2) that somebody acts upon. */
export const LDAP_RESULT = {
  success: 0,
  sizeLimitExceeded: 4,
  noSuchAttribute: 16,
  constraintViolation: 19,
  attributeOrValueExists: 20,
  invalidAttributeSyntax: 21,
  noSuchObject: 32,
  invalidCredentials: 49,
  insufficientAccessRights: 50,
  unwillingToPerform: 53,
  objectClassViolation: 65,
  notAllowedOnNonLeaf: 66,
  entryAlreadyExists: 68,
} as const;

/** RFC 4511 §4.7. */
export function addEntry(
  connection: LdapConnection,
  dn: string,
  attributes: EntryAttributes,
  timeoutMs: number,
): Promise<ChangeResult> {
  const list = Object.entries(attributes)
    .filter(([, values]) => values.length > 0)
    .map(([type, values]) => new ldap.Attribute({ type, values: [...values] }));
  return connection.change(timeoutMs, (client, answered) => client.add(dn, list, answered));
}

/** RFC 4511 §4.6: all changes, or none. */
export function changeEntry(
  connection: LdapConnection,
  dn: string,
  changes: readonly AttributeChange[],
  timeoutMs: number,
): Promise<ChangeResult> {
  const list = changes.map(
    ({ operation, attribute, values }) =>
      new ldap.Change({ operation, modification: new ldap.Attribute({ type: attribute, values: [...values] }) }),
  );
  return connection.change(timeoutMs, (client, answered) => client.modify(dn, list, answered));
}

/** RFC 4511 §4.8: leaves only. */
export function removeEntry(connection: LdapConnection, dn: string, timeoutMs: number): Promise<ChangeResult> {
  return connection.change(timeoutMs, (client, answered) => client.del(dn, answered));
}

const PASSWORD_MODIFY = '1.3.6.1.4.1.4203.1.11.1';

/**
 * RFC 3062: the server hashes. The three fields go as an object: a buffer would be dropped by ldapjs, and the server would then
 * set a random password for whoever is bound.
 */
export function setPassword(
  connection: LdapConnection,
  given: { readonly dn: string; readonly newPassword: string; readonly oldPassword?: string | undefined },
  timeoutMs: number,
): Promise<ChangeResult> {
  if (given.newPassword === '') throw new Error('a password cannot be empty');
  const fields = {
    userIdentity: given.dn,
    ...(given.oldPassword === undefined ? {} : { oldPassword: given.oldPassword }),
    newPassword: given.newPassword,
  };
  return connection.change(timeoutMs, (client, answered) => {
    // Its types know text alone as the value of an extended operation.
    client.exop(PASSWORD_MODIFY, fields as unknown as string, answered);
  });
}
