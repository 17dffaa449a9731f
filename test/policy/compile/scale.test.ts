// Ten thousand rules are an ordinary policy: they load in under two seconds, and a decision among them costs what a decision
// among ten costs. Both are measured as medians of interleaved batches, so that a busy machine slows both alike.

import { describe, expect, it } from 'vitest';
import { createPolicy } from '../../../src/policy/decide.ts';
import { compileTexts, githubJob, principalOf, question } from '../../support/policy.ts';

const githubRule = (index: number) => `  - name: r${index}
    owner: team-${index % 50}
    subject:
      trust: github
      github: { repository: acme/shop, repository_id: ${index + 1}, environment: production, ref: refs/heads/main }
    allow: { ledger: [read] }
    lifetime: 10m
`;
const spiffeRule = (index: number) =>
  `  - { name: r${index}, subject: { trust: mesh, sub: "spiffe://example.org/ns/n${index}/sa/*" }, allow: [deploy] }\n`;
const oneRepository = (index: number) =>
  githubRule(index)
    .replace(/repository_id: \d+/, 'repository_id: 1')
    .replace('production', `env-${index}`);

const text = (count: number, rule: (index: number) => string) =>
  `rules:\n${Array.from({ length: count }, (_, index) => rule(index)).join('')}`;

function load(texts: readonly string[]) {
  const compiled = compileTexts(texts);
  if (!compiled.ok) throw new Error(JSON.stringify(compiled.problems[0]));
  return createPolicy(compiled.policy);
}

function cpuMs(run: () => unknown): number {
  const before = process.threadCpuUsage();
  run();
  const { user, system } = process.threadCpuUsage(before);
  return (user + system) / 1000;
}

const median = (values: readonly number[]): number =>
  [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;

/** Medians of many small batches, taken in turns. */
function compare(few: () => unknown, many: () => unknown): { few: number; many: number } {
  const time = (run: () => unknown) => {
    const started = performance.now();
    for (let count = 0; count < 200; count += 1) run();
    return performance.now() - started;
  };
  for (let warm = 0; warm < 40; warm += 1) for (const run of [few, many]) time(run);
  const times = Array.from({ length: 120 }, () => [time(few), time(many)] as const);
  return { few: median(times.map(([one]) => one)), many: median(times.map(([, other]) => other)) };
}

describe('ten thousand rules', () => {
  it('load from YAML text in under two seconds', () => {
    const texts = Array.from(
      { length: 10 },
      (_, file) => `rules:\n${Array.from({ length: 1000 }, (__, index) => githubRule(file * 1000 + index)).join('')}`,
    );
    // Cold, as at a start; time of this thread, not of whoever else keeps the machine busy.
    expect(cpuMs(() => load(texts))).toBeLessThan(2_000);
  });

  it.each([
    ['repositories', githubRule, githubJob({ repository_id: '7', environment: 'production' }), 'ledger'],
    ['SPIFFE subtrees', spiffeRule, principalOf('mesh', { sub: 'spiffe://example.org/ns/n6/sa/api' }), 'deploy'],
    [
      'environments of one repository',
      oneRepository,
      githubJob({ repository_id: '1', environment: 'env-6' }),
      'ledger',
    ],
  ])('decide as fast as ten, over %s', (_title, rule, subject, target) => {
    const [few, many] = [load([text(10, rule)]), load([text(10_000, rule)])];
    const asked = question(subject, target);
    expect(few.decide(asked)).toMatchObject({ granted: true, grant: { rule: { name: 'r6' } } });
    expect(many.decide(asked)).toMatchObject({ granted: true, grant: { rule: { name: 'r6' } } });
    const times = compare(
      () => few.decide(asked),
      () => many.decide(asked),
    );
    expect(times.many / times.few).toBeLessThan(1.1);
  });

  it('decide as fast with ten thousand denies of others', () => {
    const deny = (index: number) =>
      `  - { name: d${index}, subject: { trust: github, claims: { actor: user-${index} } }, deny: all }\n`;
    const [few, many] = [10, 10_000].map((count) => load([text(count, deny), text(1, githubRule)]));
    if (!few || !many) throw new Error('two policies are needed');
    const job = githubJob({ repository_id: '1', environment: 'production' });
    const times = compare(
      () => few.decide(question(job, 'ledger')),
      () => many.decide(question(job, 'ledger')),
    );
    expect(many.decide(question(job, 'ledger')).granted).toBe(true);
    expect(many.decide(question(githubJob({ ...job.claims, actor: 'user-77' }), 'ledger'))).toMatchObject({
      refusal: { rule: 'd77' },
    });
    expect(many.decide(question(githubJob({ ...job.claims, actor: 5 }), 'ledger'))).toMatchObject({
      refusal: { reason: 'target_denied' },
    });
    expect(times.many / times.few).toBeLessThan(1.1);
  });
});
