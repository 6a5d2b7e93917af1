/** The agent's version, from package.json: one place to change. */
import manifest from '../../package.json' with { type: 'json' };

export const VERSION: string = manifest.version;
