-- The tables of a PostHog deployment of late 2021 that Paddock reads or writes, column for column,
-- for a database that has none of them. Its framework's customs are kept: no column defaults, and
-- every foreign key checked at COMMIT.

CREATE TABLE posthog_organization (
    id uuid PRIMARY KEY,
    name varchar(64) NOT NULL,
    slug varchar(48) NOT NULL UNIQUE,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    plugins_access_level smallint NOT NULL CHECK (plugins_access_level >= 0),
    for_internal_metrics boolean NOT NULL,
    is_member_join_email_enabled boolean NOT NULL,
    domain_whitelist varchar(256)[] NOT NULL,
    available_features varchar(64)[] NOT NULL,
    setup_section_2_completed boolean NOT NULL,
    personalization jsonb NOT NULL
);
CREATE UNIQUE INDEX single_for_internal_metrics ON posthog_organization (for_internal_metrics) WHERE for_internal_metrics;

CREATE TABLE posthog_user (
    id serial PRIMARY KEY,
    password varchar(128) NOT NULL,
    last_login timestamptz,
    first_name varchar(150) NOT NULL,
    last_name varchar(150) NOT NULL,
    is_staff boolean NOT NULL,
    is_active boolean NOT NULL,
    date_joined timestamptz NOT NULL,
    uuid uuid NOT NULL UNIQUE,
    email varchar(254) NOT NULL UNIQUE,
    temporary_token varchar(200) UNIQUE,
    distinct_id varchar(200) UNIQUE,
    email_opt_in boolean,
    anonymize_data boolean,
    toolbar_mode varchar(200),
    events_column_config jsonb NOT NULL,
    partial_notification_settings jsonb,
    current_organization_id uuid REFERENCES posthog_organization (id) DEFERRABLE INITIALLY DEFERRED,
    current_team_id integer -- FK added below
);
CREATE INDEX ON posthog_user (current_organization_id);
CREATE INDEX ON posthog_user (current_team_id);

CREATE TABLE posthog_team (
    id serial PRIMARY KEY,
    uuid uuid NOT NULL UNIQUE,
    organization_id uuid NOT NULL REFERENCES posthog_organization (id) DEFERRABLE INITIALLY DEFERRED,
    api_token varchar(200) NOT NULL UNIQUE,
    app_urls varchar(200)[] NOT NULL,
    name varchar(200) NOT NULL,
    slack_incoming_webhook varchar(500),
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    anonymize_ips boolean NOT NULL,
    completed_snippet_onboarding boolean NOT NULL,
    ingested_event boolean NOT NULL,
    session_recording_opt_in boolean NOT NULL,
    session_recording_retention_period_days integer,
    signup_token varchar(200),
    is_demo boolean NOT NULL,
    access_control boolean NOT NULL,
    test_account_filters jsonb NOT NULL,
    path_cleaning_filters jsonb,
    timezone varchar(240) NOT NULL,
    data_attributes jsonb NOT NULL,
    plugins_opt_in boolean NOT NULL,
    opt_out_capture boolean NOT NULL,
    event_names jsonb NOT NULL,
    event_names_with_usage jsonb NOT NULL,
    event_properties jsonb NOT NULL,
    event_properties_with_usage jsonb NOT NULL,
    event_properties_numerical jsonb NOT NULL
);
CREATE INDEX ON posthog_team (organization_id);
ALTER TABLE posthog_user ADD FOREIGN KEY (current_team_id) REFERENCES posthog_team (id) DEFERRABLE INITIALLY DEFERRED;

CREATE TABLE posthog_organizationmembership (
    id uuid PRIMARY KEY,
    organization_id uuid NOT NULL REFERENCES posthog_organization (id) DEFERRABLE INITIALLY DEFERRED,
    user_id integer NOT NULL REFERENCES posthog_user (id) DEFERRABLE INITIALLY DEFERRED,
    level smallint NOT NULL CHECK (level >= 0),
    joined_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    CONSTRAINT unique_organization_membership UNIQUE (organization_id, user_id)
);
CREATE UNIQUE INDEX only_one_owner_per_organization ON posthog_organizationmembership (organization_id) WHERE level = 15;
CREATE INDEX ON posthog_organizationmembership (organization_id);
CREATE INDEX ON posthog_organizationmembership (user_id);

CREATE TABLE posthog_personalapikey (
    id varchar(50) PRIMARY KEY,
    user_id integer NOT NULL REFERENCES posthog_user (id) DEFERRABLE INITIALLY DEFERRED,
    team_id integer REFERENCES posthog_team (id) DEFERRABLE INITIALLY DEFERRED,
    label varchar(40) NOT NULL,
    value varchar(50) NOT NULL UNIQUE,
    created_at timestamptz NOT NULL,
    last_used_at timestamptz
);
CREATE INDEX ON posthog_personalapikey (user_id);
CREATE INDEX ON posthog_personalapikey (team_id);

CREATE TABLE posthog_plugin (
    id serial PRIMARY KEY,
    organization_id uuid NOT NULL REFERENCES posthog_organization (id) DEFERRABLE INITIALLY DEFERRED,
    plugin_type varchar(200),
    is_global boolean NOT NULL,
    is_preinstalled boolean NOT NULL,
    name varchar(200),
    description text,
    url varchar(800),
    config_schema jsonb NOT NULL,
    tag varchar(200),
    archive bytea,
    source text,
    latest_tag varchar(800),
    latest_tag_checked_at timestamptz,
    capabilities jsonb NOT NULL,
    metrics jsonb,
    public_jobs jsonb,
    error jsonb,
    from_json boolean NOT NULL,
    from_web boolean NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL
);
CREATE INDEX ON posthog_plugin (organization_id);

CREATE TABLE posthog_pluginconfig (
    id serial PRIMARY KEY,
    team_id integer REFERENCES posthog_team (id) DEFERRABLE INITIALLY DEFERRED,
    plugin_id integer NOT NULL REFERENCES posthog_plugin (id) DEFERRABLE INITIALLY DEFERRED,
    enabled boolean NOT NULL,
    "order" integer NOT NULL,
    config jsonb NOT NULL,
    error jsonb,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL
);
CREATE INDEX ON posthog_pluginconfig (team_id);
CREATE INDEX ON posthog_pluginconfig (plugin_id);
CREATE INDEX ON posthog_pluginconfig (enabled);

CREATE TABLE posthog_pluginattachment (
    id serial PRIMARY KEY,
    team_id integer REFERENCES posthog_team (id) DEFERRABLE INITIALLY DEFERRED,
    plugin_config_id integer REFERENCES posthog_pluginconfig (id) DEFERRABLE INITIALLY DEFERRED,
    key varchar(200) NOT NULL,
    content_type varchar(200) NOT NULL,
    file_name varchar(200) NOT NULL,
    file_size integer NOT NULL,
    contents bytea NOT NULL
);
CREATE INDEX ON posthog_pluginattachment (team_id);
CREATE INDEX ON posthog_pluginattachment (plugin_config_id);

CREATE TABLE posthog_pluginstorage (
    id serial PRIMARY KEY,
    plugin_config_id integer NOT NULL REFERENCES posthog_pluginconfig (id) DEFERRABLE INITIALLY DEFERRED,
    key varchar(200) NOT NULL,
    value text,
    CONSTRAINT posthog_unique_plugin_storage_key UNIQUE (plugin_config_id, key)
);
CREATE INDEX ON posthog_pluginstorage (plugin_config_id);

CREATE TABLE posthog_pluginlogentry (
    id uuid PRIMARY KEY,
    team_id integer NOT NULL REFERENCES posthog_team (id) DEFERRABLE INITIALLY DEFERRED,
    plugin_id integer NOT NULL REFERENCES posthog_plugin (id) DEFERRABLE INITIALLY DEFERRED,
    plugin_config_id integer NOT NULL REFERENCES posthog_pluginconfig (id) DEFERRABLE INITIALLY DEFERRED,
    "timestamp" timestamptz NOT NULL,
    source varchar(20) NOT NULL,
    type varchar(20) NOT NULL,
    message text NOT NULL,
    instance_id uuid NOT NULL
);
CREATE INDEX ON posthog_pluginlogentry (plugin_config_id, "timestamp");
CREATE INDEX ON posthog_pluginlogentry (team_id);
CREATE INDEX ON posthog_pluginlogentry (plugin_id);
CREATE INDEX ON posthog_pluginlogentry (plugin_config_id);

CREATE TABLE posthog_person (
    id serial PRIMARY KEY,
    created_at timestamptz NOT NULL,
    team_id integer NOT NULL REFERENCES posthog_team (id) DEFERRABLE INITIALLY DEFERRED,
    properties jsonb NOT NULL,
    properties_last_updated_at jsonb,
    properties_last_operation jsonb,
    is_user_id integer REFERENCES posthog_user (id) DEFERRABLE INITIALLY DEFERRED,
    is_identified boolean NOT NULL,
    uuid uuid NOT NULL
);
CREATE INDEX ON posthog_person (team_id);
CREATE INDEX ON posthog_person (is_user_id);
CREATE INDEX ON posthog_person (uuid);
CREATE INDEX posthog_person_email ON posthog_person ((properties ->> 'email'));
CREATE INDEX posthog_per_team_id_bec4e5_idx ON posthog_person (team_id, id DESC);

CREATE TABLE posthog_persondistinctid (
    id serial PRIMARY KEY,
    distinct_id varchar(400) NOT NULL,
    person_id integer NOT NULL REFERENCES posthog_person (id) DEFERRABLE INITIALLY DEFERRED,
    team_id integer NOT NULL REFERENCES posthog_team (id) DEFERRABLE INITIALLY DEFERRED,
    CONSTRAINT "unique distinct_id for team" UNIQUE (team_id, distinct_id)
);
CREATE INDEX ON posthog_persondistinctid (person_id);
CREATE INDEX ON posthog_persondistinctid (team_id);

CREATE TABLE posthog_elementgroup (
    id serial PRIMARY KEY,
    hash varchar(400),
    team_id integer NOT NULL REFERENCES posthog_team (id) DEFERRABLE INITIALLY DEFERRED,
    CONSTRAINT "unique hash for each team" UNIQUE (team_id, hash)
);
CREATE INDEX ON posthog_elementgroup (team_id);

CREATE TABLE posthog_event (
    id serial PRIMARY KEY,
    created_at timestamptz,
    event varchar(200),
    distinct_id varchar(200) NOT NULL,
    properties jsonb NOT NULL,
    "timestamp" timestamptz NOT NULL,
    elements_hash varchar(200),
    site_url varchar(200),
    elements jsonb,
    team_id integer NOT NULL REFERENCES posthog_team (id) DEFERRABLE INITIALLY DEFERRED
);
CREATE INDEX ON posthog_event (team_id);
CREATE INDEX idx_distinct_id ON posthog_event (distinct_id);
CREATE INDEX posthog_eve_element_48becd_idx ON posthog_event (elements_hash);
CREATE INDEX posthog_eve_timesta_1f6a8c_idx ON posthog_event ("timestamp", team_id, event);

CREATE TABLE posthog_element (
    id serial PRIMARY KEY,
    text varchar(10000),
    tag_name varchar(1000),
    href varchar(10000),
    attr_id varchar(10000),
    attr_class varchar(200)[],
    nth_child integer,
    nth_of_type integer,
    attributes jsonb NOT NULL,
    "order" integer,
    event_id integer REFERENCES posthog_event (id) DEFERRABLE INITIALLY DEFERRED,
    group_id integer REFERENCES posthog_elementgroup (id) DEFERRABLE INITIALLY DEFERRED
);
CREATE INDEX ON posthog_element (event_id);
CREATE INDEX ON posthog_element (group_id);

CREATE TABLE posthog_sessionrecordingevent (
    id serial PRIMARY KEY,
    created_at timestamptz,
    "timestamp" timestamptz NOT NULL,
    team_id integer NOT NULL REFERENCES posthog_team (id) DEFERRABLE INITIALLY DEFERRED,
    distinct_id varchar(200) NOT NULL,
    session_id varchar(200) NOT NULL,
    snapshot_data jsonb NOT NULL
);
CREATE INDEX ON posthog_sessionrecordingevent (team_id);
CREATE INDEX posthog_ses_team_id_265946_idx ON posthog_sessionrecordingevent (team_id, session_id);
CREATE INDEX posthog_ses_team_id_46392f_idx ON posthog_sessionrecordingevent (team_id, distinct_id, "timestamp", session_id);

CREATE TABLE posthog_eventdefinition (
    id uuid PRIMARY KEY,
    name varchar(400) NOT NULL,
    volume_30_day integer,
    query_usage_30_day integer,
    team_id integer NOT NULL REFERENCES posthog_team (id) DEFERRABLE INITIALLY DEFERRED,
    UNIQUE (team_id, name)
);
CREATE INDEX ON posthog_eventdefinition (team_id);

CREATE TABLE posthog_propertydefinition (
    id uuid PRIMARY KEY,
    name varchar(400) NOT NULL,
    is_numerical boolean NOT NULL,
    volume_30_day integer,
    query_usage_30_day integer,
    team_id integer NOT NULL REFERENCES posthog_team (id) DEFERRABLE INITIALLY DEFERRED,
    UNIQUE (team_id, name)
);
CREATE INDEX ON posthog_propertydefinition (team_id);

CREATE TABLE posthog_action (
    id serial PRIMARY KEY,
    name varchar(400),
    team_id integer NOT NULL REFERENCES posthog_team (id) DEFERRABLE INITIALLY DEFERRED,
    created_at timestamptz NOT NULL,
    created_by_id integer REFERENCES posthog_user (id) DEFERRABLE INITIALLY DEFERRED,
    deleted boolean NOT NULL,
    post_to_slack boolean NOT NULL,
    slack_message_format varchar(600) NOT NULL,
    is_calculating boolean NOT NULL,
    updated_at timestamptz NOT NULL,
    last_calculated_at timestamptz NOT NULL
);
CREATE INDEX ON posthog_action (team_id);
CREATE INDEX ON posthog_action (created_by_id);
CREATE INDEX posthog_act_team_id_8c04de_idx ON posthog_action (team_id, updated_at DESC);

CREATE TABLE posthog_actionstep (
    id serial PRIMARY KEY,
    action_id integer NOT NULL REFERENCES posthog_action (id) DEFERRABLE INITIALLY DEFERRED,
    tag_name varchar(400),
    text varchar(400),
    href varchar(65535),
    selector varchar(65535),
    url varchar(65535),
    url_matching varchar(400),
    name varchar(400),
    event varchar(400),
    properties jsonb
);
CREATE INDEX ON posthog_actionstep (action_id);

CREATE TABLE posthog_action_events (
    id serial PRIMARY KEY,
    action_id integer NOT NULL REFERENCES posthog_action (id) DEFERRABLE INITIALLY DEFERRED,
    event_id integer NOT NULL REFERENCES posthog_event (id) DEFERRABLE INITIALLY DEFERRED,
    UNIQUE (action_id, event_id)
);
CREATE INDEX ON posthog_action_events (action_id);
CREATE INDEX ON posthog_action_events (event_id);

CREATE TABLE posthog_cohort (
    id serial PRIMARY KEY,
    name varchar(400),
    team_id integer NOT NULL REFERENCES posthog_team (id) DEFERRABLE INITIALLY DEFERRED,
    deleted boolean NOT NULL,
    groups jsonb NOT NULL,
    created_by_id integer REFERENCES posthog_user (id) DEFERRABLE INITIALLY DEFERRED,
    created_at timestamptz,
    is_calculating boolean NOT NULL,
    last_calculation timestamptz,
    errors_calculating integer NOT NULL,
    is_static boolean NOT NULL
);
CREATE INDEX ON posthog_cohort (team_id);
CREATE INDEX ON posthog_cohort (created_by_id);

CREATE TABLE posthog_cohortpeople (
    id bigserial PRIMARY KEY,
    cohort_id integer NOT NULL REFERENCES posthog_cohort (id) DEFERRABLE INITIALLY DEFERRED,
    person_id integer NOT NULL REFERENCES posthog_person (id) DEFERRABLE INITIALLY DEFERRED
);
CREATE INDEX ON posthog_cohortpeople (cohort_id);
CREATE INDEX ON posthog_cohortpeople (person_id);
CREATE INDEX posthog_coh_cohort__89c25f_idx ON posthog_cohortpeople (cohort_id, person_id);

CREATE TABLE posthog_featureflag (
    id serial PRIMARY KEY,
    key varchar(400) NOT NULL,
    name text NOT NULL,
    filters jsonb NOT NULL,
    rollout_percentage integer,
    team_id integer NOT NULL REFERENCES posthog_team (id) DEFERRABLE INITIALLY DEFERRED,
    created_by_id integer NOT NULL REFERENCES posthog_user (id) DEFERRABLE INITIALLY DEFERRED,
    created_at timestamptz NOT NULL,
    deleted boolean NOT NULL,
    active boolean NOT NULL,
    CONSTRAINT "unique key for team" UNIQUE (team_id, key)
);

CREATE TABLE posthog_featureflagoverride (
    id serial PRIMARY KEY,
    override_value jsonb NOT NULL,
    feature_flag_id integer NOT NULL REFERENCES posthog_featureflag (id) DEFERRABLE INITIALLY DEFERRED,
    user_id integer NOT NULL REFERENCES posthog_user (id) DEFERRABLE INITIALLY DEFERRED,
    team_id integer NOT NULL REFERENCES posthog_team (id) DEFERRABLE INITIALLY DEFERRED,
    CONSTRAINT "unique feature flag for a user/team combo" UNIQUE (user_id, feature_flag_id, team_id)
);

CREATE TABLE posthog_dashboard (
    id serial PRIMARY KEY,
    name varchar(400),
    team_id integer NOT NULL REFERENCES posthog_team (id) DEFERRABLE INITIALLY DEFERRED
);
CREATE TABLE posthog_dashboarditem (
    id serial PRIMARY KEY,
    name varchar(400),
    dashboard_id integer REFERENCES posthog_dashboard (id) DEFERRABLE INITIALLY DEFERRED,
    team_id integer NOT NULL REFERENCES posthog_team (id) DEFERRABLE INITIALLY DEFERRED
);
CREATE TABLE posthog_annotation (
    id serial PRIMARY KEY,
    content varchar(400),
    dashboard_item_id integer REFERENCES posthog_dashboarditem (id) DEFERRABLE INITIALLY DEFERRED,
    team_id integer NOT NULL REFERENCES posthog_team (id) DEFERRABLE INITIALLY DEFERRED
);

CREATE TABLE posthog_grouptypemapping (
    id serial PRIMARY KEY,
    team_id integer NOT NULL REFERENCES posthog_team (id) DEFERRABLE INITIALLY DEFERRED,
    group_type varchar(400) NOT NULL,
    group_type_index integer NOT NULL,
    name_singular varchar(400),
    name_plural varchar(400),
    CONSTRAINT "unique group types for team" UNIQUE (team_id, group_type),
    CONSTRAINT "unique event column indexes for team" UNIQUE (team_id, group_type_index),
    CONSTRAINT "group_type_index is less than or equal 5" CHECK (group_type_index <= 5)
);
CREATE INDEX ON posthog_grouptypemapping (team_id);

CREATE TABLE posthog_group (
    id serial PRIMARY KEY,
    team_id integer NOT NULL REFERENCES posthog_team (id) DEFERRABLE INITIALLY DEFERRED,
    group_key varchar(400) NOT NULL,
    group_type_index integer NOT NULL,
    group_properties jsonb NOT NULL,
    created_at timestamptz NOT NULL,
    properties_last_updated_at jsonb NOT NULL,
    properties_last_operation jsonb NOT NULL,
    version bigint NOT NULL,
    CONSTRAINT "unique team_id/group_key/group_type_index combo" UNIQUE (team_id, group_key, group_type_index)
);

CREATE TABLE ee_hook (
    id varchar(50) PRIMARY KEY,
    created timestamptz NOT NULL,
    updated timestamptz NOT NULL,
    event varchar(64) NOT NULL,
    target varchar(255) NOT NULL,
    resource_id integer,
    team_id integer NOT NULL REFERENCES posthog_team (id) DEFERRABLE INITIALLY DEFERRED,
    user_id integer NOT NULL REFERENCES posthog_user (id) DEFERRABLE INITIALLY DEFERRED
);
CREATE INDEX ON ee_hook (event);
CREATE INDEX ON ee_hook (team_id);
CREATE INDEX ON ee_hook (user_id);
