// Lints about names and wildcards, whatever the platform: a name that somebody else can come to have, an id that means another
// thing on another instance, a parameter that is a wildcard for one of its targets, and what a caller writes by himself.

import { GITHUB_ISSUER } from '../../platforms/github.ts';
import { isPattern } from '../evaluate.ts';
import { type Hit, type MatchView, own, places, type RuleLint, required, says } from './lint-view.ts';

/** Fields that hold a name, with the field that holds the id of the same thing. */
const NAMES: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  github: { repository: 'repository_id', repository_owner: 'repository_owner_id', actor: 'actor_id' },
  forgejo: { repository: 'repository_id', repository_owner: 'repository_owner_id', actor: 'actor_id' },
  gitlab: {
    project_path: 'project_id',
    namespace_path: 'namespace_id',
    job_project_path: 'job_project_id',
    job_namespace_path: 'job_namespace_id',
    user_login: 'user_id',
    user_email: 'user_id',
  },
  buildkite: {
    organization_slug: 'organization_id',
    pipeline_slug: 'pipeline_id',
    cluster_name: 'cluster_id',
    queue_key: 'queue_id',
  },
  'azure-devops': { rpo_uri: 'rpo_id' },
  'hcp-terraform': {
    organization_name: 'organization_id',
    project_name: 'project_id',
    workspace_name: 'workspace_id',
    full_workspace: 'workspace_id',
    stack_name: 'stack_id',
  },
  vercel: { owner: 'owner_id', project: 'project_id' },
  fly: { org_name: 'org_id', app_name: 'app_id', machine_name: 'machine_id' },
  'aws-caller-identity': { role: 'role_id' },
  google: { email: 'sub', project_id: 'project_number', instance_name: 'instance_id' },
  kubernetes: { pod: 'podUid', node: 'nodeUid' },
  oidc: { email: 'sub' },
};

/** No person can register a name with brackets: it is the platform's own for an app. */
const BOT = '[bot]';

function namesWithoutId(view: MatchView): readonly Hit[] {
  return Object.entries(NAMES[view.source.kind] ?? {}).flatMap(([name, id]) => {
    if (says(view, id)) return [];
    const loose = own(view, name).filter(
      ({ condition }) => !condition.values.every((value) => typeof value === 'string' && value.endsWith(BOT)),
    );
    return places(loose);
  });
}

/** Ids that one instance of a product gives, and another gives again. */
const INSTANCE_IDS: Readonly<Record<string, readonly string[]>> = {
  github: ['repository_id', 'repository_owner_id', 'enterprise_id', 'actor_id'],
  forgejo: ['repository_id', 'repository_owner_id', 'actor_id'],
  gitlab: ['project_id', 'namespace_id', 'job_project_id', 'job_namespace_id', 'user_id'],
};

/** Enterprises on github.com have issuers of their own, and share its ids. */
const instanceOf = (issuer: string): string => (issuer.startsWith(GITHUB_ISSUER) ? 'github.com' : issuer);

function idsAcrossInstances(view: MatchView): readonly Hit[] {
  const { source, sources } = view;
  const instances = sources.filter(({ kind }) => kind === source.kind).map(({ issuer }) => instanceOf(issuer));
  if (new Set(instances).size < 2) return [];
  return places(own(view, ...(INSTANCE_IDS[source.kind] ?? [])));
}

function partialParameters({ rule, own: conditions, targets }: MatchView): readonly Hit[] {
  if (rule.effect !== 'allow') return [];
  const partial = rule.captures.filter((name) =>
    rule.allow.some(({ target }) => !targets.get(target)?.parameters.includes(name)),
  );
  if (partial.length === 0) return [];
  return places(
    conditions.filter(({ condition }) =>
      condition.values.some((value) => isPattern(value) && value.captures.some((name) => partial.includes(name ?? ''))),
    ),
  );
}

/** Fields whose text the workload writes by itself. */
const CHOSEN: Readonly<Record<string, readonly string[]>> = {
  github: ['workflow', 'head_ref'],
  forgejo: ['workflow', 'head_ref'],
  buildkite: ['step_key'],
};

function chosenAlone(view: MatchView): readonly Hit[] {
  const chosen = own(view, ...(CHOSEN[view.source.kind] ?? []));
  return chosen.length === view.own.length && required(view).length === 0 ? places(chosen) : [];
}

export const NAME_LINTS: readonly RuleLint[] = [
  {
    name: 'name-without-id',
    row: 'L07',
    severity: 'warning',
    when: 'a name is stated (repository, project path, slug, e-mail address, login, pod, role of a signed request) and the id of the same thing is not, in a rule that allows or denies; `[bot]` names are exempt',
    why: 'a name can be given up, and be registered by somebody else; a deny by name is left behind by a rename',
    mend: 'state the id of the same thing',
    kinds: Object.keys(NAMES),
    fires: namesWithoutId,
  },
  {
    name: 'recreated-cluster',
    row: 'L07',
    severity: 'warning',
    when: 'a rule for a GKE cluster, whose issuer is made of names, states no `uid`',
    why: 'a cluster that is deleted and created again under its name has the same issuer, and other people in it',
    mend: "state the service account's `uid`",
    kinds: ['kubernetes'],
    effect: 'allow',
    fires: (view) =>
      view.source.issuer.startsWith('https://container.googleapis.com/') && !says(view, 'uid') ? [undefined] : [],
  },
  {
    name: 'id-across-instances',
    row: 'L08',
    severity: 'warning',
    when: 'one rule states an id for sources on several instances of GitHub, GitLab or Forgejo',
    why: 'instances count on their own: the same id is another repository or project on the other one',
    mend: 'write a rule for each source',
    kinds: Object.keys(INSTANCE_IDS),
    fires: idsAcrossInstances,
  },
  {
    name: 'partial-parameter',
    row: 'L03',
    severity: 'warning',
    when: 'a captured parameter does not stand in every target of its rule',
    why: 'for the targets without it, this parameter is a wildcard: every repository or project that fits has them',
    mend: 'split the rule, or put the parameter into every target',
    effect: 'allow',
    fires: partialParameters,
  },
  {
    name: 'deny-by-chosen-text',
    row: 'L21',
    severity: 'warning',
    when: 'a deny rests on nothing but text that the workload writes itself: the name of a workflow, a head branch, the key of a step',
    why: 'whoever is denied writes another text',
    mend: 'deny by an id, or say in an allow rule what is allowed',
    kinds: Object.keys(CHOSEN),
    effect: 'deny',
    fires: chosenAlone,
  },
];
