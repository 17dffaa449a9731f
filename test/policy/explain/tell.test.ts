import { describe, expect, it } from 'vitest';
import type { RefusedOutcome } from '../../../src/adapters/http/wire.ts';
import type { Refusal } from '../../../src/core/refusal.ts';
import { outcomeSentence } from '../../../src/policy/explain/tell.ts';
import { provedSubject } from '../../support/path.ts';

const outcome = (refusal: Refusal, tell: 'caller' | 'operator' = 'caller'): RefusedOutcome => ({
  kind: 'refused',
  decision: 'D',
  refusal,
  subject: provedSubject({ tell }),
  ask: { targets: ['deploy'], scopes: undefined },
  grantType: undefined,
});
const NO: Refusal = { reason: 'cloud_refused', target: 'deploy', cloud: 'aws', problem: 'AccessDenied' };

describe('what a refused caller is told', () => {
  it('of a cloud that said no: by whom, and whose business it is', () => {
    expect(outcomeSentence(outcome(NO))).toBe(
      'a rule lets github:s have deploy, and AWS refused it: AccessDenied. Its trust side must fit (exchequer setup).',
    );
  });

  it('of a credential that ends too soon: both times', () => {
    const refusal = { reason: 'would_outlive', target: 'deploy', credentialEndsAt: 60, earliestEndAt: 900 } as const;
    expect(outcomeSentence(outcome(refusal))).toBe(
      'a rule lets github:s have deploy, but the credential presented ends at 1970-01-01T00:01:00Z, and nothing that the cloud gives ends before 1970-01-01T00:15:00Z.',
    );
  });

  it('is nothing of either where its source tells the operator alone, nor of a cloud that could not be asked', () => {
    expect(outcomeSentence(outcome(NO, 'operator'))).toBeUndefined();
    const down = { ...NO, reason: 'cloud_unavailable', problem: 'timeout', retryAfterSeconds: 2 } as const;
    expect(outcomeSentence(outcome(down))).toBeUndefined();
  });
});
