/**
 * Where the gateway's policy wants a message to go in its recipients' accounts. It crosses the LMTP hop as a parameter of
 * MAIL, offered to peers whose certificate is verified: a header that says the same could be written by anybody.
 */
export type Placement = 'junk';

/** The MAIL FROM parameter, and the LHLO keyword, of a placement. */
export const PLACEMENT_KEYWORD = 'XPLACEMENT';

/** The parameter's value. */
export function placementText(placement: Placement): string {
  return placement.toUpperCase();
}

/** Reads the parameter's value; undefined when it is none that we know. */
export function parsePlacement(text: string): Placement | undefined {
  return text.toUpperCase() === 'JUNK' ? 'junk' : undefined;
}
