/** The rules of the tree: who may import whom, names, and words that do not belong into sources. */
import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { basename, dirname, join, normalize } from 'node:path';
import { describe, test } from 'node:test';
import { SCRIPT_HELP, scriptNames } from '../tools/check/help.ts';

const root = join(import.meta.dirname, '..');

/** Folders in the order in which data flows; each may import TYPES from those before it. */
const FLOW = ['native', 'discover', 'capture', 'protocol', 'link', 'rules', 'store', 'export'];
/** Everybody may import values from these; they import only from those before them here. */
const FOUNDATION = ['telemetry', 'config', 'handoff', 'spool'];
/** What wires the stages, the files directly in src/ and the commands: nobody else imports it. */
const isConductor = (area: string) => area.endsWith('.ts') || area === 'commands';

interface Import {
  readonly from: string;
  readonly to: string;
  readonly isType: boolean;
}

function sourceFiles(): string[] {
  return globSync('src/**/*.ts', { cwd: root }).sort();
}

/** `import`, `export ... from` and `import()` of a file; node: and packages keep their name. */
export function importsOf(file: string, text: string): Import[] {
  const pattern =
    /^\s*(?:import|export)\s+(type\s)?[^'";]*?from\s+'([^']+)'|^\s*import\s+'([^']+)'|(?<!\w)import\('([^']+)'\)/gm;
  return [...text.matchAll(pattern)].map((match) => {
    const target = match[2] ?? match[3] ?? match[4] ?? '';
    const to = target.startsWith('.') ? normalize(join(dirname(file), target)) : target;
    return { from: file, to, isType: match[1] !== undefined };
  });
}

/** First part below src/: the stage's folder, or the file itself. */
function areaOf(file: string): string {
  return file.split('/')[1] ?? file;
}

/** Why an import is against the table; undefined when it is not. */
export function violation({ from, to, isType }: Import): string | undefined {
  if (!to.startsWith('src/')) return undefined;
  const [source, target] = [areaOf(from), areaOf(to)];
  if (source === target || isConductor(source)) return undefined;
  if (isConductor(target)) return `${from} imports ${to}, which wires the stages`;
  if (FOUNDATION.includes(source)) {
    const isBefore =
      FOUNDATION.indexOf(target) >= 0 && FOUNDATION.indexOf(target) < FOUNDATION.indexOf(source);
    // handoff is where rows are written and read: it knows what stages put into them, as types.
    const isHandoff = source === 'handoff' && FLOW.includes(target);
    if (isBefore || (isType && (isHandoff || FOUNDATION.includes(target)))) return undefined;
    return `${from} imports ${to}, but ${source} lies below it`;
  }
  if (!FLOW.includes(source)) return `${from}: ${source} is not in the tree of docs/design.md`;
  if (FOUNDATION.includes(target)) return undefined;
  const isEarlier = FLOW.indexOf(target) >= 0 && FLOW.indexOf(target) < FLOW.indexOf(source);
  if (!isEarlier) return `${from} imports ${to}, which comes after it`;
  return isType ? undefined : `${from} imports values of ${to}; stages give each other types only`;
}

function allImports(): Import[] {
  return sourceFiles().flatMap((file) => importsOf(file, readFileSync(join(root, file), 'utf8')));
}

describe('imports', () => {
  test('follow the flow: types of earlier stages, values of the foundation only', () => {
    assert.deepEqual(allImports().map(violation).filter(Boolean), []);
  });

  test('lead to files that exist', () => {
    const files = new Set(sourceFiles());
    const lost = allImports().filter(({ to }) => to.startsWith('src/') && !files.has(to));
    assert.deepEqual(lost, []);
  });

  test('have no cycle of values', () => {
    assert.equal(cycleIn(allImports().filter(({ isType }) => !isType)), undefined);
  });

  test('load the addon in src/native only', () => {
    const loaders = sourceFiles().filter((file) => {
      const text = readFileSync(join(root, file), 'utf8');
      return /\.node['"`]|createRequire|process\.dlopen/.test(text);
    });
    const strangers = loaders.filter((file) => !file.startsWith('src/native/'));
    assert.deepEqual(strangers, []);
  });

  test('stay inside src, apart from node: and packages of package.json', () => {
    const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
    const packages = Object.keys(manifest.dependencies);
    const strange = allImports().filter(({ to }) => {
      if (to.startsWith('src/') || to.startsWith('node:') || to === 'package.json') return false;
      return !packages.some((name) => to === name || to.startsWith(`${name}/`));
    });
    assert.deepEqual(strange, []);
  });
});

/** A list of files that import one another in a ring; undefined when there is none. */
export function cycleIn(imports: readonly Import[]): string[] | undefined {
  const targets = new Map<string, string[]>();
  for (const { from, to } of imports) targets.set(from, [...(targets.get(from) ?? []), to]);
  const finished = new Set<string>();
  const visit = (file: string, path: string[]): string[] | undefined => {
    if (path.includes(file)) return [...path.slice(path.indexOf(file)), file];
    if (finished.has(file)) return undefined;
    for (const target of targets.get(file) ?? []) {
      const cycle = visit(target, [...path, file]);
      if (cycle) return cycle;
    }
    finished.add(file);
    return undefined;
  };
  for (const file of targets.keys()) {
    const cycle = visit(file, []);
    if (cycle) return cycle;
  }
  return undefined;
}

describe('the import rules themselves', () => {
  const rule = (line: string, from = 'src/link/hop.ts') => importsOf(from, line).map(violation)[0];

  test('refuse values of an earlier stage and accept its types', () => {
    assert.match(String(rule("import { parse } from '../protocol/parse.ts';")), /types only/);
    assert.equal(rule("import type { Exchange } from '../protocol/types.ts';"), undefined);
  });

  test('refuse even types of a later stage', () => {
    assert.match(String(rule("import type { Span } from '../export/span.ts';")), /comes after/);
  });

  test('see imports over several lines, re-exports and import()', () => {
    assert.match(
      String(rule("import {\n  a,\n  b,\n} from '../capture/decode.ts';")),
      /types only/,
    );
    assert.match(String(rule("export { a } from '../capture/decode.ts';")), /types only/);
    assert.match(String(rule("const x = await import('../capture/decode.ts');")), /types only/);
  });

  test('keep the conductors out of the stages', () => {
    assert.match(String(rule("import { agent } from '../agent.ts';")), /wires the stages/);
    assert.equal(rule("import { a } from '../link/hop.ts';", 'src/commands/run.ts'), undefined);
  });

  test('find a ring of imports', () => {
    const edge = (from: string, to: string) => ({ from, to, isType: false });
    assert.deepEqual(cycleIn([edge('a', 'b'), edge('b', 'c'), edge('c', 'a')]), [
      'a',
      'b',
      'c',
      'a',
    ]);
    assert.equal(cycleIn([edge('a', 'b'), edge('a', 'c'), edge('b', 'c')]), undefined);
  });
});

describe('names', () => {
  const typescript = () =>
    globSync(['src/**/*.ts', 'test/**/*.ts', 'tools/**/*.ts'], { cwd: root });

  test('of TypeScript files are kebab-case', () => {
    const pattern = /^[a-z0-9]+(-[a-z0-9]+)*(\.(test|gen))?\.ts$/;
    assert.deepEqual(
      typescript().filter((file) => !pattern.test(basename(file))),
      [],
    );
  });

  test('of C files are snake_case', () => {
    const files = globSync(['bpf/**/*.{c,h}', 'native/**/*.{c,h}'], { cwd: root });
    const pattern = /^[a-z0-9]+(_[a-z0-9]+)*(\.bpf|\.gen)?\.[ch]$/;
    assert.deepEqual(
      files.filter((file) => !pattern.test(basename(file))),
      [],
    );
  });

  test('say what a file holds, not that it helps', () => {
    const vague = /^(utils?|helpers?|common|misc|lib)\.(ts|[ch])$/;
    const files = [...typescript(), ...globSync(['bpf/**', 'native/**'], { cwd: root })];
    assert.deepEqual(
      files.filter((file) => vague.test(basename(file))),
      [],
    );
  });
});

describe('words', () => {
  /** Written apart so that this file does not find itself. */
  const BANNED = [
    ['/wo', 'rk/'],
    ['/tmp/ba', 'sh_jobs'],
    ['/root', '/.'],
    ['registry.npm', 'js.org'],
    ['deb.deb', 'ian.org'],
    ['proxy.gol', 'ang.org'],
  ].map((parts) => parts.join(''));

  function trackedText(): string[] {
    const folders = '{src,bpf,native,test,tools,docs,demo,otel-config,deploy}';
    const kinds = '{ts,c,h,md,sh,json,yaml,yml,conf,cfg,go,mod}';
    const patterns = [`${folders}/**/*.${kinds}`, '*.{md,json}', 'spantap', '.ci/run'];
    return globSync(patterns, { cwd: root });
  }

  test('of one machine, or of package hosts, are in no source', () => {
    const found = trackedText().flatMap((file) => {
      const text = readFileSync(join(root, file), 'utf8');
      return BANNED.filter((word) => text.includes(word)).map((word) => `${file}: ${word}`);
    });
    assert.deepEqual(found, []);
  });
});

test('npm run help has a line for every script, and for nothing else', () => {
  assert.deepEqual(Object.keys(SCRIPT_HELP).sort(), scriptNames().sort());
});
