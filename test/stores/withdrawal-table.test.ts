// The index of blocks and revocations: it finds exactly what asking each of them finds, and is fast with as many as there may be.

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { WITHDRAWALS_MAX, WITHDRAWN_KEPT_SECONDS } from '../../src/core/limits-delegation.ts';
import { type Standing, type Withdrawal, withdraws } from '../../src/core/withdrawal.ts';
import { createWithdrawalTable } from '../../src/stores/withdrawal-table.ts';
import { asSubject, block, revocation } from '../contract/withdrawal-store.ts';

const NOW = 1_800_000_000;

describe('the table of blocks and revocations', () => {
  it('finds one where asking all of them finds one, whatever was added, replaced and removed', () => {
    const name = fc.string({ unit: fc.constantFrom('a', ':', '*'), minLength: 1, maxLength: 4 });
    const id = fc.constantFrom('1', '2', '3', '4', '5', '6');
    const at = fc.integer({ min: NOW - 2, max: NOW + 2 });
    const withdrawal: fc.Arbitrary<Withdrawal> = fc.oneof(
      fc.record({
        kind: fc.constant('block' as const),
        id,
        why: fc.constant(''),
        atSeconds: at,
        untilSeconds: fc.option(at, { nil: undefined }),
        identity: name,
      }),
      fc.record({
        kind: fc.constant('revocation' as const),
        id,
        why: fc.constant(''),
        atSeconds: at,
        untilSeconds: fc.option(at, { nil: undefined }),
        what: fc.constantFrom('token', 'chain', 'key', 'subject', 'actor', 'client'),
        of: name,
      }),
    );
    const standing: fc.Arbitrary<Standing> = fc.record({
      parties: fc.array(
        fc.record({
          name,
          role: fc.constantFrom('subject', 'actor', 'client'),
          issuedAtSeconds: fc.option(at, { nil: undefined }),
        }),
        { maxLength: 3 },
      ),
      tokens: fc.array(name, { maxLength: 2 }),
      ancestors: fc.array(name, { maxLength: 2 }),
      keys: fc.array(name, { maxLength: 1 }),
    });
    const step = fc.oneof(withdrawal, id);
    let found = 0;
    fc.assert(
      fc.property(fc.array(step, { maxLength: 12 }), fc.array(standing, { maxLength: 5 }), (steps, asked) => {
        const table = createWithdrawalTable();
        const model = new Map<string, Withdrawal>();
        for (const one of steps) {
          if (typeof one === 'string') {
            table.remove(one);
            model.delete(one);
          } else {
            table.add(one);
            model.set(one.id, one);
          }
        }
        expect(table.size()).toBe(model.size);
        for (const request of asked) {
          const answer = table.against(request, NOW);
          expect(answer !== undefined).toBe([...model.values()].some((one) => withdraws(one, request, NOW)));
          if (answer) expect(withdraws(answer, request, NOW)).toBe(true);
          if (answer) found += 1;
        }
      }),
      { numRuns: 3_000 },
    );
    expect(found).toBeGreaterThan(100);
  });

  it('answers a thousand questions against 100,000 withdrawals in a fraction of a second', () => {
    const table = createWithdrawalTable();
    for (let index = 0; index < WITHDRAWALS_MAX / 4; index += 1) {
      table.add(block(`B${index}`, `people:${index}`));
      table.add(block(`P${index}`, `github:repository_id:${index}:*`));
      table.add(revocation(`T${index}`, 'chain', `handle-${index}`));
      table.add(revocation(`S${index}`, 'subject', `eks:system:serviceaccount:ns-${index}:api`));
    }
    const started = performance.now();
    for (let index = 0; index < 1_000; index += 1) {
      expect(table.against(asSubject(`github:repository_id:${index}:pull_request`), NOW)?.id).toBe(`P${index}`);
      const free = { ...asSubject(`gitlab:project_id:${index}`), tokens: ['h'], ancestors: ['h1', 'h2', 'h3', 'h4'] };
      expect(table.against(free, NOW)).toBeUndefined();
    }
    const elapsedMs = performance.now() - started;
    expect(table.size()).toBe(WITHDRAWALS_MAX);
    // A walk over all of them takes some milliseconds for each question.
    expect(elapsedMs).toBeLessThan(500);
  });

  it('forgets what ended more than an hour ago, a little at a time, and no block', () => {
    const table = createWithdrawalTable();
    table.add(block('B1', 'people:alice'));
    for (let index = 0; index < 10; index += 1) table.add(revocation(`R${index}`, 'token', `h${index}`, NOW + index));
    const later = NOW + 5 + WITHDRAWN_KEPT_SECONDS;
    table.sweep(later, 6);
    expect(table.size()).toBe(6);
    table.sweep(later, 100);
    table.sweep(later, 100);
    expect([...table.all()].map(({ id }) => id)).toEqual(['B1', 'R5', 'R6', 'R7', 'R8', 'R9']);
  });
});
