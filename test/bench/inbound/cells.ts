/** One kind of load. */
export interface Cell {
  readonly sessions: number;
  readonly octets: number;
  /** Whether a session keeps its connection for all its messages. */
  readonly kept: boolean;
  readonly mailboxes: 1 | 100;
  readonly messages: number;
}

export function cellName({ sessions, octets, kept, mailboxes }: Cell): string {
  return `${sessions} session${sessions === 1 ? '' : 's'}, ${octets / 1000} KB, ${kept ? 'kept' : 'new'}, ${mailboxes === 1 ? 'one mailbox' : 'a hundred'}`;
}

/** The whole grid, or the few that answer the main questions. */
export function cells(quick: boolean): Cell[] {
  const all: Cell[] = [];
  for (const mailboxes of [1, 100] as const) {
    for (const octets of [5_000, 50_000]) {
      for (const sessions of [1, 20, 50]) {
        for (const kept of [false, true]) {
          if (quick && (mailboxes === 100 ? octets !== 5_000 || sessions !== 20 : sessions === 50)) continue;
          all.push({ sessions, octets, kept, mailboxes, messages: messagesOf(sessions, octets, quick) });
        }
      }
    }
  }
  return all;
}

/** Some seconds of work for the slower side; a multiple of a hundred, for as many mailboxes. */
function messagesOf(sessions: number, octets: number, quick: boolean): number {
  const whole = sessions === 1 ? 600 : octets > 20_000 ? 1_200 : 2_000;
  return quick ? whole / 2 : whole;
}
