import { describe, expect, it } from 'vitest';
import { AppendLanes } from './append-lanes.ts';

interface Item {
  readonly name: string;
  readonly large?: boolean;
}

/** Lanes whose work ends when the test says so; `running` names what is under way. */
function lanesUnderTest(maxBeside = 9, events: string[] = []) {
  const running = new Map<string, (done: boolean) => void>();
  const start = (name: string): Promise<boolean> => new Promise((done) => running.set(name, done));
  const lanes = new AppendLanes<Item>(
    {
      // At most three.
      goAtOnce: (items) => [...items.slice(0, 3), { large: true }].findIndex(({ large }) => large === true),
      atOnce: async (_mailbox, items) => {
        const names = items.map(({ name }) => name).join('&');
        events.push(`begun ${names}`);
        return (await start(names)) ? () => events.push(`told ${names}`) : undefined;
      },
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
  it('go at once, two beside each other; those that wait follow as a few, beside no more than they are', async () => {
    const { lanes, end, running } = lanesUnderTest();
    for (const name of 'abcd') lanes.add(1, { name });
    expect(running()).toEqual(['a', 'b']);
    await end('a');
    expect(running()).toEqual(['b', 'c&d']);
    lanes.add(1, { name: 'e' });
    await end('b');
    expect(running()).toEqual(['c&d']);
    lanes.add(1, { name: 'f' });
    expect(running()).toEqual(['c&d', 'e&f']);
    await end('e&f');
    lanes.add(1, { name: 'g' });
    lanes.add(2, { name: 'other' });
    expect(running()).toEqual(['c&d', 'other']);
    await end('c&d');
    expect(running()).toEqual(['other', 'g']);
  });

  it('are served together, with the mailbox for themselves, where more wait', async () => {
    const { lanes, end, running } = lanesUnderTest();
    const many = [...'cdefghijklmnopqrs'];
    for (const name of ['a', 'b', ...many]) lanes.add(1, { name });
    expect(running()).toEqual(['a', 'b']);
    await end('b');
    expect(running()).toEqual(['a']);
    await end('a');
    expect(running()).toEqual([many.join('+')]);
    lanes.add(1, { name: 'z' });
    await end(many.join('+'));
    expect(running()).toEqual(['z']);
  });

  it('wait for those before them where one cannot go at once, or where going at once did nothing', async () => {
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

  it('are told of the outcome once the next ones are under way', async () => {
    const told: string[] = [];
    const { lanes, end } = lanesUnderTest(9, told);
    for (const name of 'abc') lanes.add(1, { name });
    await end('a');
    expect(told).toEqual(['begun a', 'begun b', 'begun c', 'told a']);
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
