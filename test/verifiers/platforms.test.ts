// What GitHub and GitLab add to the common checks, how names are made, and how the registry routes.

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  createPlatformKey,
  githubEnvironment,
  githubPullRequestTarget,
  githubPush,
} from '../../src/adapters/cli/demo/platforms.ts';
import { GITHUB } from '../../src/platforms/github.ts';
import { github } from '../../src/verifiers/ci-platform.ts';
import { encodeName, principalName } from '../../src/verifiers/name.ts';
import { createVerifiers } from '../../src/verifiers/registry.ts';
import { AUDIENCE, NOW, partsOf, SOURCES, type SourceUnderTest, settingsOf, verdict } from '../support/sources.ts';

const sourceOf = async (kind: string, more = {}) => (await SOURCES[kind]?.(more)) as SourceUnderTest;

async function nameOf(source: SourceUnderTest, claims: Record<string, unknown>): Promise<string> {
  const text = await source.key.sign(claims);
  const result = await source.verifiers.verify({ text, tokenType: source.tokenType }, 'subject', NOW);
  return result.ok ? result.value.name : result.refusal.reason;
}

describe('GitHub Actions tokens', () => {
  it('A-112 name the same identity for the legacy and the immutable form of sub', async () => {
    const source = await sourceOf('github');
    const legacy = githubPush(AUDIENCE, NOW);
    const immutable = { ...legacy, sub: 'repo:octo-org@65/octo-repo@74:ref:refs/heads/main' };
    expect(await nameOf(source, legacy)).toBe('github:repository_id:74:ref:refs/heads/main');
    expect(await nameOf(source, immutable)).toBe('github:repository_id:74:ref:refs/heads/main');
    expect(await nameOf(source, githubEnvironment(AUDIENCE, NOW))).toBe(
      'github:repository_id:74:environment:production',
    );
  });

  it('A-108 refuse an event that outsiders can start, unless the source lists it', async () => {
    const attack = githubPullRequestTarget(AUDIENCE, NOW);
    expect(await nameOf(await sourceOf('github'), attack)).toBe('claim_forbidden');
    const listing = await sourceOf('github', { require: { event_name: ['push', 'pull_request_target'] } });
    expect(await nameOf(listing, attack)).toBe('github:repository_id:74:ref:refs/heads/main');
  });

  it('A-109 never let a colon in an environment reach the name, however it is written', async () => {
    const source = await sourceOf('github');
    const claims = (environment: string) => ({ ...githubEnvironment(AUDIENCE, NOW), environment });
    expect(await nameOf(source, claims('prod:ref:x'))).toBe('github:repository_id:74:environment:prod%3Aref%3Ax');
    expect(await nameOf(source, claims('prod%3Aref%3Ax'))).toBe(
      'github:repository_id:74:environment:prod%253aref%253ax',
    );
    expect(await nameOf(source, claims('Production'))).toBe('github:repository_id:74:environment:production');
  });

  it('name a pull request as one, whatever its ref', async () => {
    const claims = { ...githubPush(AUDIENCE, NOW), event_name: 'pull_request', ref: 'refs/pull/7/merge' };
    expect(await nameOf(await sourceOf('github'), claims)).toBe('github:repository_id:74:pull_request');
  });

  it.each(['repository_id', 'repository_owner_id', 'event_name', 'ref', 'jti'])(
    'are refused without %s',
    async (claim) => {
      const { [claim]: _gone, ...claims } = githubPush(AUDIENCE, NOW);
      expect(await nameOf(await sourceOf('github'), claims)).toBe('claim_missing');
    },
  );

  it.each([74, ''])('A-57, A-126 are refused where an id is %j', async (id) => {
    expect(await nameOf(await sourceOf('github'), { ...githubPush(AUDIENCE, NOW), repository_id: id })).toBe(
      'claim_invalid',
    );
  });

  it("fail the source's own requirement by the name of the claim", async () => {
    const source = await sourceOf('github', { unmetRequirement: () => 'repository_owner_id' });
    const text = await source.key.sign(source.claims());
    const result = await source.verifiers.verify({ text, tokenType: source.tokenType }, 'subject', NOW);
    expect(result).toEqual({
      ok: false,
      refusal: { role: 'subject', source: 'github', reason: 'requirement_unmet', claim: 'repository_owner_id' },
    });
  });

  it('A-119 of an enterprise issuer belong to no source that names the public one', async () => {
    const claims = { ...githubPush(AUDIENCE, NOW), iss: 'https://token.actions.githubusercontent.com/octo-ent' };
    expect(await nameOf(await sourceOf('github'), claims)).toBe('issuer_unknown');
  });
});

describe('GitLab CI/CD tokens', () => {
  it('name the project by its id and the ref with its type', async () => {
    const source = await sourceOf('gitlab');
    expect(await nameOf(source, source.claims())).toBe('gitlab:project_id:20:ref_path:refs/heads/main');
  });

  it('refuse the token of a person who signs in with GitLab', async () => {
    const source = await sourceOf('gitlab');
    const { project_id: _p, job_id: _j, ...login } = source.claims();
    expect(await nameOf(source, login)).toBe('claim_missing');
  });
});

describe('names', () => {
  it('A-123 differ for every pair of different texts', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), fc.string({ unit: 'binary' }), (a, b) => {
        expect(encodeName(a) === encodeName(b)).toBe(a === b);
      }),
    );
  });

  it('of several parts differ wherever the parts do', () => {
    const text = fc.string({ unit: fc.constantFrom('a', ':', '%', '3', 'A', '/'), minLength: 1, maxLength: 6 });
    fc.assert(
      fc.property(text, text, text, text, (id, ref, otherId, otherRef) => {
        const named = (repository_id: string, ref: string) => principalName('github', GITHUB, { repository_id, ref });
        const same = id === otherId && ref === otherRef;
        expect(JSON.stringify(named(id, ref)) === JSON.stringify(named(otherId, otherRef))).toBe(same);
      }),
    );
  });

  it('keep what RFC 3986 allows and encode the rest', () => {
    expect(encodeName('system:serviceaccount:ns:sa')).toBe('system:serviceaccount:ns:sa');
    expect(encodeName('a b|"é%')).toBe('a%20b%7C%22%C3%A9%25');
  });
});

describe('the registry', () => {
  it('A-10, JB-04 keeps keys of one kid apart by issuer', async () => {
    const [mine, theirs] = [await createPlatformKey('RS256'), await createPlatformKey('RS256')];
    const options = (issuer: string) => ({ issuer, privateNetwork: false });
    const kid = 'shared';
    const make = async (name: string, key: typeof mine) =>
      github.create(settingsOf(name), options(`https://${name}.example`), await partsOf({ ...key, kid }));
    const verifiers = createVerifiers([await make('one', mine), await make('two', theirs)], AUDIENCE);
    const present = async (issuer: string, key: typeof mine) => {
      const text = await key.sign({ ...githubPush(AUDIENCE, NOW), iss: issuer }, { kid });
      const result = await verifiers.verify(
        { text, tokenType: 'urn:ietf:params:oauth:token-type:jwt' },
        'subject',
        NOW,
      );
      return result.ok ? result.value.source : result.refusal.reason;
    };
    expect(await present('https://one.example', mine)).toBe('one');
    expect(await present('https://one.example', theirs)).toBe('signature_invalid');
    expect(await present('https://two.example', theirs)).toBe('two');
  });

  it('A-34, A-39 asks for no key of an unknown issuer', async () => {
    const source = await sourceOf('github');
    const parts = await partsOf(source.key);
    const verifiers = createVerifiers(
      [github.create(settingsOf('github'), { privateNetwork: false }, parts)],
      AUDIENCE,
    );
    const text = await source.key.sign({ ...source.claims(), iss: 'https://unknown.example' });
    await verifiers.verify({ text, tokenType: source.tokenType }, 'subject', NOW);
    expect(parts.keys.asked).toBe(0);
    await verifiers.verify(
      { text: await source.key.sign(source.claims()), tokenType: source.tokenType },
      'subject',
      NOW,
    );
    expect(parts.keys.asked).toBe(1);
  });

  it("refuses a sub in SPIFFE's or WIMSE's name from any other source", async () => {
    const source = await sourceOf('oidc');
    for (const sub of ['wimse://x/y', 'SPIFFE://x/y', 'spiffe:x', 'Wimse:a'])
      expect(await nameOf(source, { ...source.claims(), sub }), sub).toBe('subject_reserved');
    expect(await nameOf(source, { ...source.claims(), sub: 'spiffe://x/y' })).toBe('issuer_unknown');
    expect(await nameOf(source, { ...source.claims(), sub: 'spiffed' })).toBe('login:spiffed');
  });

  it('throws where two sources could be responsible for one trust domain', async () => {
    const { verifier } = await sourceOf('spiffe');
    expect(() => createVerifiers([verifier, verifier], AUDIENCE)).toThrow('two sources');
  });

  it('keys from an unreachable origin are said to be unavailable, not refused', async () => {
    const source = await sourceOf('github');
    const keys = { find: () => Promise.resolve({ found: 'unavailable' as const, retryAfterSeconds: 3 }) };
    const down = github.create(
      settingsOf('github'),
      { privateNetwork: false },
      { ...(await partsOf(source.key)), keys },
    );
    const text = await source.key.sign(source.claims());
    expect(await verdict({ ...source, verifiers: createVerifiers([down], AUDIENCE) }, text)).toBe('keys_unavailable');
  });
});
