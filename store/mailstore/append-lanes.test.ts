import { describe, expect, it } from 'vitest';
import { AppendLanes } from './append-lanes.ts';

interface Item {
  readonly name: string;
  readonly large?: boolean;
}

/** Lanes whose work ends when the test says so; `running` names what is under way. */
function lanesUnderTest(maxBeside = 9) {
  const running = new Map<string, (done: boolean) => void>();
  const start = (name: string): Promise<boolean> => new Promise((done) => running.set(name, done));
  const lanes = new AppendLanes<Item>(
    {
      goesAlone: ({ large }) => large !== true,
      alone: (_mailbox, { name }) => start(name),
      together: async (_mailbox, items) => {
        await start(items.map(({ name }) => name).join('+'));
      },
      take: (items) => items.length,
    },
    maxBeside,
  );
  const end = async (name: string, done = true): Promise<void> => {
    const settle = running.get(name);
    if (settle === undefined) throw new Error(`${name} is not under way`);
    running.delete(name);
    settle(done);
    await new Promise((next) => setImmediate(next));
  };
  return { lanes, end, running: () => [...running.keys()] };
}

describe('APPENDs into one mailbox', () => {
  it('go alone, two at a time; where more than that wait they are served together, with the mailbox for themselves', async () => {
    const { lanes, end, running } = lanesUnderTest();
    for (const name of 'abcdefg') lanes.add(1, { name });
    expect(running()).toEqual(['a', 'b']);
    await end('b');
    expect(running()).toEqual(['a']);
    await end('a');
    expect(running()).toEqual(['c+d+e+f+g']);
    lanes.add(1, { name: 'j' });
    lanes.add(2, { name: 'other' });
    expect(running()).toEqual(['c+d+e+f+g', 'other']);
    await end('c+d+e+f+g');
    expect(running()).toEqual(['other', 'j']);
  });

  it('wait for those before them where one cannot go alone, or where going alone did nothing', async () => {
    const { lanes, end, running } = lanesUnderTest();
    lanes.add(1, { name: 'a' });
    lanes.add(1, { name: 'large', large: true });
    lanes.add(1, { name: 'c' });
    expect(running()).toEqual(['a']);
    await end('a', false);
    expect(running()).toEqual(['a+large+c']);
    await end('a+large+c');
    expect(running()).toEqual([]);
  });

  it('go beside each other in all mailboxes together only as often as there are connections to spare', async () => {
    const { lanes, end, running } = lanesUnderTest(1);
    for (const name of ['a1', 'a2', 'a3']) lanes.add(1, { name });
    for (const name of ['b1', 'b2']) lanes.add(2, { name });
    expect(running()).toEqual(['a1', 'a2', 'b1']);
    await end('a2');
    expect(running()).toEqual(['a1', 'b1', 'a3']);
    await end('b1');
    expect(running()).toEqual(['a1', 'a3', 'b2']);
  });
});
