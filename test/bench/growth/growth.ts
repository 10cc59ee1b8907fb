import { growAccounts } from './accounts.ts';
import { growIdle } from './idle.ts';
import { growMessages } from './messages.ts';

export interface GrowthOptions {
  readonly quick: boolean;
  /** Up to a million messages: takes minutes and some gigabytes. */
  readonly million: boolean;
  readonly only: string | undefined;
}

/** How what people wait for, and what it costs, grows with the size of things: each as a curve with its exponent. */
export async function benchGrowth({ quick, million, only }: GrowthOptions): Promise<void> {
  const messages = [
    1_000,
    3_000,
    10_000,
    ...(quick ? [] : [30_000, 100_000]),
    ...(million ? [300_000, 1_000_000] : []),
  ];
  const accounts = [10, 100, 1_000, 10_000, ...(quick ? [] : [100_000])];
  const idle = [1, 10, 100, 1_000, ...(quick ? [] : [3_000, 10_000])];
  const wanted = (name: string): boolean => only === undefined || name.includes(only);
  if (wanted('messages')) await growMessages(messages);
  if (wanted('accounts')) await growAccounts(accounts);
  if (wanted('idle')) await growIdle(idle);
}
