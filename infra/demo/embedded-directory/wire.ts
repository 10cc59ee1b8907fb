import type { Socket } from 'node:net';
import type { ParsedFilter } from './filter.ts';

/** What ldapjs's server hands to handlers, as far as it is used here: its types leave it open. */
export interface LdapServerConnection extends Socket {
  readonly encrypted?: boolean;
  ldap: { bindDN: { toString(): string } };
}

export interface LdapRequest {
  readonly connection: LdapServerConnection;
  readonly dn: { toString(): string };
  readonly controls: readonly { readonly type: string; readonly value?: { size: number; cookie: Buffer } }[];
}

export interface BindRequest extends LdapRequest {
  readonly credentials: string;
}

export interface SearchRequest extends LdapRequest {
  readonly scope: number;
  readonly filter: ParsedFilter;
  readonly attributes: readonly string[];
  readonly sizeLimit: number;
  readonly typesOnly: boolean;
}

export interface WireAttribute {
  readonly type: string;
  readonly values: readonly string[];
}

export interface AddRequest extends LdapRequest {
  readonly attributes: readonly WireAttribute[];
}

export interface ModifyRequest extends LdapRequest {
  readonly changes: readonly { readonly operation: string; readonly modification: WireAttribute }[];
}

export interface ExtendedRequest extends LdapRequest {
  readonly requestValue?: unknown;
}

export interface LdapResponse {
  matchedDN: string;
  /** ldapjs's name for the diagnostic message. */
  diagnosticMessage: string;
  attributes: string[];
  controls: unknown[];
  responseName: string | undefined;
  responseValue: string | undefined;
  send(entry: { dn: string; attributes: Record<string, readonly string[]> }, nofiltering: boolean): void;
  end(status: number): void;
}

/** Result codes, RFC 4511 Appendix A. */
export const RESULT = {
  success: 0,
  operationsError: 1,
  protocolError: 2,
  sizeLimitExceeded: 4,
  confidentialityRequired: 13,
  noSuchAttribute: 16,
  attributeOrValueExists: 20,
  noSuchObject: 32,
  invalidDnSyntax: 34,
  invalidCredentials: 49,
  insufficientAccessRights: 50,
  unwillingToPerform: 53,
  namingViolation: 64,
  objectClassViolation: 65,
  notAllowedOnNonLeaf: 66,
  entryAlreadyExists: 68,
} as const;
