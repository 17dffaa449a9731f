// What the demo prints: plain sentences, and under them what was sent, what came back, and what the operator sees of it. Nothing of it
// decides: who prints has compared before.

import type { DemoBroker } from './broker.ts';
import type { Answer } from './client.ts';

export const WIDTH = 100;

export const say = (text = ''): void => void process.stdout.write(`${text}\n`);

export const show = (name: string, value: unknown): void =>
  say(`    ${name.padEnd(14)}${typeof value === 'string' ? value : JSON.stringify(value)}`);

/** Begins a part. */
export const part = (title: string): void => say(`\n=== ${title} ${'='.repeat(WIDTH - title.length - 5)}`);

/** Begins a scene: what happens, and why it is worth a look. */
export function begin(title: string, why: string): void {
  say(`\n${title}\n${'-'.repeat(Math.min(title.length, WIDTH))}`);
  say(`  ${why}`);
}

/** A refusal: what the caller is told, and what the operator sees by the decision id in it. */
export function explain(broker: DemoBroker, { status, body }: Answer): void {
  say(`  ${status}: what the caller is told`);
  show('error', body.error);
  show('description', body.error_description);
  const decision = String(body.error_description).split(' ').at(-1) ?? '';
  say(`  what the operator sees:  exchequer explain --decision ${decision}`);
  const explained = broker.run('explain', '--decision', decision);
  if (!explained.includes(decision)) throw new Error(`no explanation of ${decision}: ${explained}`);
  say(explained.trimEnd().replace(/^/gm, '    '));
}

/** A verb of the command line, as the operator types it, and what it printed. */
export function command(broker: DemoBroker, ...verb: readonly string[]): string {
  say(`  $ exchequer ${verb.map((word) => (/[^\w./:*=-]/.test(word) ? `'${word}'` : word)).join(' ')}`);
  const printed = broker.run(...verb).trimEnd();
  say(printed.replace(/^/gm, '    '));
  return printed;
}
