// Where ids of clients that nobody registered are ignored, as tools of clouds need it: everybody else is judged as anywhere.

import { beforeAll, describe, expect, it } from 'vitest';
import type { PresentedClient } from '../../src/core/client.ts';
import { basic, type ClientsUnderTest, createClientsUnderTest, SECRETS, verdictOf } from '../support/clients.ts';
import { GCLOUD_BASIC, GCLOUD_CLIENT } from '../support/google-requests.ts';

let world: ClientsUnderTest;
beforeAll(async () => {
  world = await createClientsUnderTest();
});

const tolerated = (presented: Partial<PresentedClient>) => verdictOf(world, { ...presented, strangers: 'ignored' });

describe('a client that nobody registered', () => {
  it('is nobody, however it authenticates, and only where that is said', async () => {
    for (const presented of [
      { authorization: GCLOUD_BASIC },
      { authorization: GCLOUD_BASIC, id: GCLOUD_CLIENT },
      { authorization: basic('stranger', '') },
      { authorization: basic('stranger%41', 'x%41') },
      { id: 'stranger', secret: 'x' },
      { authorization: GCLOUD_BASIC, id: 'stranger', secret: 'x' },
    ]) {
      expect(await tolerated(presented)).toBe('nobody');
      expect(await verdictOf(world, presented)).toMatch(
        /^(basic|post): (unregistered|several_methods|client_id_differs)$/,
      );
    }
  });

  it.each<[string, Partial<PresentedClient>, string]>([
    ['its secret', { authorization: basic('shop', SECRETS.shop) }, 'client_secret_basic'],
    ['its secret in the body', { id: 'shop', secret: SECRETS.shop }, 'client_secret_post'],
    ['a wrong secret', { authorization: basic('shop', 'x') }, 'basic: secret_wrong'],
    ['a wrong secret in the body', { id: 'shop', secret: 'x' }, 'post: secret_wrong'],
    ['no secret', { id: 'shop' }, 'none: credential_missing'],
    ['a secret where another method is registered', { authorization: basic('gateway', 'x') }, 'basic: other_method'],
    ['an id beside the Basic of a stranger', { id: 'shop', authorization: GCLOUD_BASIC }, 'none: credential_missing'],
    [
      'its secret under the id of a stranger',
      { id: 'x', authorization: basic('shop', SECRETS.shop) },
      'basic: client_id_differs',
    ],
    [
      'both of its secrets',
      { id: 'shop', secret: SECRETS.shop, authorization: basic('shop', SECRETS.shop) },
      'basic: several_methods',
    ],
  ])('is not one that is registered, with %s', async (_what, presented, expected) => {
    expect(await tolerated(presented)).toBe(expected);
  });

  it.each<[string, Partial<PresentedClient>, string]>([
    ['another scheme', { authorization: 'Bearer x' }, 'basic: unsupported'],
    ['Basic that cannot be read', { authorization: 'Basic !' }, 'basic: malformed'],
    ['Basic without a colon', { authorization: 'Basic c2hvcA==' }, 'basic: malformed'],
    ['a secret of nobody', { secret: 'x' }, 'post: client_id_missing'],
    ['an attestation', { attested: true, id: 'stranger' }, 'attestation: unsupported'],
    ['an assertion', { assertion: 'x', assertionType: 'y' }, 'assertion: unsupported'],
  ])('is not whoever cannot be told from one: %s', async (_what, presented, expected) => {
    expect(await tolerated(presented)).toBe(expected);
  });
});
