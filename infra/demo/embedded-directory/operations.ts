import ldap from 'ldapjs';
import { type Access, accessOf } from './access.ts';
import { matches } from './filter.ts';
import { hashPassword, passwordMatches } from './password.ts';
import { OPERATIONAL, parentDn, type Scope, setAttribute, type Tree, type TreeEntry } from './tree.ts';
import {
  type AddRequest,
  type BindRequest,
  type ExtendedRequest,
  type LdapRequest,
  type LdapResponse,
  type ModifyRequest,
  RESULT,
  type SearchRequest,
} from './wire.ts';

/** A control that ldapjs exports and its types leave out. */
const { PagedResultsControl } = ldap as unknown as {
  PagedResultsControl: new (options: { value: { size: number; cookie: Buffer } }) => object;
};

/** What the operations work on. */
export interface DirectoryParts {
  readonly tree: Tree;
  readonly adminDn: string;
  /** Base below which domains stand, for the access rules. */
  readonly hostingDn: string;
  readonly suffix: string;
  /** Rules as they apply to somebody, by DN; they ask the tree anew each time. */
  readonly accesses: Map<string | undefined, Access>;
}

const MAX_ACCESSES = 100;

const SCOPES: Readonly<Record<number, Scope>> = { 0: 'base', 1: 'one', 2: 'sub' };
const PAGED_RESULTS = '1.2.840.113556.1.4.319';
export const START_TLS = '1.3.6.1.4.1.1466.20037';
export const PASSWORD_MODIFY = '1.3.6.1.4.1.4203.1.11.1';
export const WHO_AM_I = '1.3.6.1.4.1.4203.1.11.3';
const ANONYMOUS = 'cn=anonymous';
/** Mandatory attributes of the classes in schema/ldap: enough to catch the mistakes of a demo. */
const MANDATORY: Readonly<Record<string, readonly string[]>> = {
  jammvirtualdomain: ['jvd', 'accountactive'],
  jammmailaccount: ['mail', 'accountactive'],
  jammmailalias: ['mail', 'maildrop', 'accountactive'],
  jammpostmaster: ['cn', 'roleoccupant'],
  applicationprocess: ['cn'],
  simplesecurityobject: ['userpassword'],
};

/** How an operation ends: the result code, and a message for people. */
export interface Result {
  readonly status: number;
  readonly message: string;
}

const result = (status: number, message = ''): Result => ({ status, message });

/** DN of who bound this connection; undefined for anonymous. */
export function boundAs(request: LdapRequest): string | undefined {
  const dn = request.connection.ldap.bindDN.toString();
  return dn === '' || dn === ANONYMOUS ? undefined : dn;
}

function access(request: LdapRequest, parts: DirectoryParts): Access {
  const user = boundAs(request);
  const known = parts.accesses.get(user);
  if (known !== undefined) return known;
  const made = accessOf(user, parts.adminDn, parts.hostingDn, parts.tree);
  if (parts.accesses.size >= MAX_ACCESSES) parts.accesses.clear();
  parts.accesses.set(user, made);
  return made;
}

/** RFC 4513 §5.1: a simple bind; refused in plain text, and without a password. */
export function bind(request: BindRequest, parts: DirectoryParts): Result {
  const { connection, credentials } = request;
  connection.ldap.bindDN = ldap.parseDN(ANONYMOUS);
  if (connection.encrypted !== true) return result(RESULT.confidentialityRequired, 'confidentiality required');
  if (credentials === '') return result(RESULT.unwillingToPerform, 'unauthenticated bind is disallowed');
  const dn = request.dn.toString();
  if (!isPasswordOf(dn, credentials, parts)) return result(RESULT.invalidCredentials);
  connection.ldap.bindDN = ldap.parseDN(dn);
  return result(RESULT.success);
}

function isPasswordOf(dn: string, password: string, parts: DirectoryParts): boolean {
  const entry = parts.tree.get(dn);
  return (entry?.attributes.get('userpassword') ?? []).some((stored) => passwordMatches(stored, password));
}

/** RFC 4511 §4.5, with pages (RFC 2696) whose cookie is the place of the next entry. */
export function search(request: SearchRequest, response: LdapResponse, parts: DirectoryParts): Result {
  const base = request.dn.toString();
  const scope = SCOPES[request.scope] ?? 'sub';
  if (base === '' && scope === 'base') return sendRootDse(response, parts);
  const candidates = parts.tree.inScope(base, scope);
  if (candidates === undefined) return result(RESULT.noSuchObject);
  const { mayRead } = access(request, parts);
  const found = candidates.filter(
    (entry) => matches(request.filter, entry, (attribute) => mayRead(entry, attribute)) && mayRead(entry, 'entry'),
  );
  const page = request.controls.find((control) => control.type === PAGED_RESULTS)?.value;
  const start = page === undefined ? 0 : Number.parseInt(page.cookie.toString('latin1') || '0', 10);
  const pageEnd = page === undefined || page.size === 0 ? found.length : start + page.size;
  const sizeLimit = request.sizeLimit === 0 ? found.length : request.sizeLimit;
  const stop = Math.min(pageEnd, sizeLimit);
  const wanted = request.attributes.map((name) => name.toLowerCase());
  // The choice of attributes is made here: ldapjs would compare names with regard to case.
  response.attributes = [];
  for (const entry of found.slice(start, stop)) {
    response.send(
      { dn: entry.dn, attributes: visible(entry, wanted, (name) => mayRead(entry, name), request.typesOnly) },
      true,
    );
  }
  if (page !== undefined) {
    const cookie = Buffer.from(stop < found.length ? String(stop) : '', 'latin1');
    // Assigned, because ldapjs hands out a copy of the list.
    response.controls = [new PagedResultsControl({ value: { size: found.length, cookie } })];
  }
  return result(sizeLimit < Math.min(pageEnd, found.length) ? RESULT.sizeLimitExceeded : RESULT.success);
}

function visible(
  entry: TreeEntry,
  wanted: readonly string[],
  mayRead: (attribute: string) => boolean,
  typesOnly: boolean,
): Record<string, readonly string[]> {
  const users = wanted.length === 0 || wanted.includes('*');
  const out: Record<string, readonly string[]> = {};
  for (const [key, values] of entry.attributes) {
    const asked = wanted.includes(key) || (OPERATIONAL.has(key) ? wanted.includes('+') : users);
    if (asked && mayRead(key)) out[entry.names.get(key) ?? key] = typesOnly ? [] : values;
  }
  if (wanted.includes('entrydn') || wanted.includes('+')) out.entryDN = typesOnly ? [] : [entry.dn];
  return out;
}

function sendRootDse(response: LdapResponse, parts: DirectoryParts): Result {
  response.attributes = [];
  const attributes = {
    objectClass: ['top'],
    namingContexts: [parts.suffix],
    supportedLDAPVersion: ['3'],
    supportedExtension: [START_TLS, PASSWORD_MODIFY, WHO_AM_I],
    supportedControl: [PAGED_RESULTS],
    vendorName: ['Postern embedded directory: for the demo'],
  };
  response.send({ dn: '', attributes }, true);
  return result(RESULT.success);
}

/** RFC 4511 §4.7. */
export function add(request: AddRequest, parts: DirectoryParts): Result {
  const dn = request.dn.toString();
  const attributes = request.attributes.map(({ type, values }) => [type, stored(type, values)] as const);
  if (parts.tree.get(dn) !== undefined) return result(RESULT.entryAlreadyExists);
  if (parts.tree.get(parentDn(dn)) === undefined) return result(RESULT.noSuchObject, 'the parent is not there');
  if (!access(request, parts).mayAddOrRemove(dn)) return result(RESULT.insufficientAccessRights);
  const present = new Map(attributes.map(([name, values]) => [name.toLowerCase(), values]));
  const naming = /^([^=]+)=/.exec(dn)?.[1]?.trim().toLowerCase() ?? '';
  if (!present.has(naming)) return result(RESULT.namingViolation, `${naming} of the name is missing`);
  const classes = present.get('objectclass') ?? [];
  if (classes.length === 0) return result(RESULT.objectClassViolation, 'no objectClass attribute');
  for (const name of classes) {
    const missing = (MANDATORY[name.toLowerCase()] ?? []).find((attribute) => !present.has(attribute));
    if (missing !== undefined) return result(RESULT.objectClassViolation, `${name} requires ${missing}`);
  }
  parts.tree.add(
    dn,
    attributes.filter(([name]) => !OPERATIONAL.has(name.toLowerCase())),
  );
  return result(RESULT.success);
}

/** RFC 4511 §4.6: all changes, or none. */
export function modify(request: ModifyRequest, parts: DirectoryParts): Result {
  const entry = parts.tree.get(request.dn.toString());
  if (entry === undefined) return result(RESULT.noSuchObject);
  const { mayWrite } = access(request, parts);
  const draft: TreeEntry = { dn: entry.dn, names: new Map(entry.names), attributes: new Map(entry.attributes) };
  const before = passwords(entry);
  for (const { operation, modification } of request.changes) {
    const name = modification.type;
    if (OPERATIONAL.has(name.toLowerCase()) || !mayWrite(entry, name, modification.values)) {
      return result(RESULT.insufficientAccessRights);
    }
    const failure = change(draft, operation, name, stored(name, modification.values));
    if (failure !== undefined) return result(failure);
  }
  for (const name of new Set([...entry.attributes.keys(), ...draft.attributes.keys()])) {
    setAttribute(entry, draft.names.get(name) ?? name, draft.attributes.get(name) ?? []);
  }
  if (passwords(draft) !== before) parts.tree.passwordChanged(entry);
  else parts.tree.touched(entry);
  return result(RESULT.success);
}

const passwords = ({ attributes }: TreeEntry): string => (attributes.get('userpassword') ?? []).join();

function change(draft: TreeEntry, operation: string, name: string, values: string[]): number | undefined {
  const old = draft.attributes.get(name.toLowerCase()) ?? [];
  const same = (value: string) => (other: string) => other.toLowerCase() === value.toLowerCase();
  if (operation === 'add') {
    if (values.some((value) => old.some(same(value)))) return RESULT.attributeOrValueExists;
    setAttribute(draft, name, [...old, ...values]);
  } else if (operation === 'delete') {
    if (old.length === 0 || values.some((value) => !old.some(same(value)))) return RESULT.noSuchAttribute;
    setAttribute(draft, name, values.length === 0 ? [] : old.filter((v) => !values.some(same(v))));
  } else if (operation === 'replace') {
    setAttribute(draft, name, values);
  } else {
    return RESULT.protocolError;
  }
  return undefined;
}

/** RFC 4511 §4.8: leaves only. */
export function remove(request: LdapRequest, parts: DirectoryParts): Result {
  const dn = request.dn.toString();
  if (parts.tree.get(dn) === undefined) return result(RESULT.noSuchObject);
  if (!access(request, parts).mayAddOrRemove(dn)) return result(RESULT.insufficientAccessRights);
  if (parts.tree.hasChildren(dn)) return result(RESULT.notAllowedOnNonLeaf);
  parts.tree.remove(dn);
  return result(RESULT.success);
}

/** RFC 3062; a new password must be given: this server makes none up. */
export function modifyPassword(request: ExtendedRequest, parts: DirectoryParts): Result {
  const { userIdentity, oldPassword, newPassword } = (request.requestValue ?? {}) as Record<string, string | undefined>;
  const bound = boundAs(request);
  const dn = userIdentity ?? bound;
  if (request.connection.encrypted !== true) return result(RESULT.confidentialityRequired);
  if (bound === undefined || dn === undefined) return result(RESULT.insufficientAccessRights);
  if (newPassword === undefined || newPassword === '') {
    return result(RESULT.unwillingToPerform, 'give the new password');
  }
  const entry = parts.tree.get(dn);
  if (entry === undefined || !access(request, parts).mayWrite(entry, 'userPassword')) {
    return result(RESULT.insufficientAccessRights);
  }
  if (oldPassword !== undefined && !isPasswordOf(dn, oldPassword, parts)) {
    return result(RESULT.unwillingToPerform, 'unwilling to verify old password');
  }
  setAttribute(entry, 'userPassword', [hashPassword(newPassword)]);
  parts.tree.passwordChanged(entry);
  return result(RESULT.success);
}

/** RFC 4532. */
export function whoAmI(request: ExtendedRequest, response: LdapResponse): Result {
  const dn = boundAs(request);
  response.responseValue = dn === undefined ? '' : `dn:${dn}`;
  return result(RESULT.success);
}

function stored(name: string, values: readonly string[]): string[] {
  return name.toLowerCase() === 'userpassword' ? values.map(hashPassword) : [...values];
}
