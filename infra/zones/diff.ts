import { createHash } from 'node:crypto';
import { commentOf, type ListedChain, parseNftables } from './nftables.ts';

/** One difference between the rules that should run and those that do. */
export interface RuleDifference {
  readonly chain: string;
  readonly kind: 'missing' | 'foreign' | 'changed';
  /** Flow id or guard, where the rule has one. */
  readonly comment: string | undefined;
  readonly text: string;
}

/**
 * Compares two listings of `nft -s list table inet postern`, both as the kernel prints them.
 *
 * @param wanted the rendered rules, loaded into an empty namespace and listed again, so that spelling never differs
 */
export function diffListings(wanted: string, running: string): RuleDifference[] {
  const [should, does] = [parseNftables(wanted), parseNftables(running)];
  const names = [...new Set([...should, ...does].map(({ name }) => name))];
  const linesOf = (chains: readonly ListedChain[], name: string): string[] => {
    const chain = chains.find((one) => one.name === name);
    return chain === undefined ? [] : [chain.header, ...chain.rules];
  };
  return names.flatMap((chain) => {
    const a = linesOf(should, chain);
    const b = linesOf(does, chain);
    const differences: RuleDifference[] = [
      ...without(a, b).map((text) => ({ chain, kind: 'missing' as const, comment: commentOf(text), text })),
      ...without(b, a).map((text) => ({ chain, kind: 'foreign' as const, comment: commentOf(text), text })),
    ];
    if (differences.length > 0 || a.join('\n') === b.join('\n')) return differences;
    return [{ chain, kind: 'changed' as const, comment: undefined, text: 'the same rules in another order' }];
  });
}

/** SHA-256 of a listing: the short answer to "is this what was applied?". */
export function checksum(listing: string): string {
  return createHash('sha256').update(listing).digest('hex');
}

/** Lines of `a` that `b` lacks, counting repetitions. */
function without(a: readonly string[], b: readonly string[]): string[] {
  const left = [...b];
  return a.filter((line) => {
    const at = left.indexOf(line);
    if (at >= 0) left.splice(at, 1);
    return at < 0;
  });
}
