import { PaddockError } from "../../errors.ts";
import type { ListedTeam } from "../../stores/postgres/all_teams.ts";
import type { InstalledPlugin } from "./installed_plugins.ts";

/**
 * A config that the server would never pick up is refused instead of being written.
 * @throws PaddockError PDK_USAGE saying why the team may not have the plugin
 */
export function checkTeamAccess(plugin: InstalledPlugin, team: ListedTeam): void {
  if (!plugin.isGlobal && plugin.organizationId !== team.organizationId) {
    throw new PaddockError(
      "PDK_USAGE",
      `'${plugin.name}' belongs to another organization than team ${team.id} (${team.name})`,
    );
  }
  if (team.pluginsAccessLevel === 0) {
    throw new PaddockError(
      "PDK_USAGE",
      `the organization '${team.organization}' may not use plugins (its plugins_access_level is 0)`,
    );
  }
}
