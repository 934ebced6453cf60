BEGIN TRANSACTION;
CREATE TABLE alembic_version (
	version_num VARCHAR(32) NOT NULL, 
	CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);
INSERT INTO "alembic_version" VALUES('0004');
CREATE TABLE artifact (
	run_id INTEGER NOT NULL, 
	path VARCHAR(1024) NOT NULL, 
	size BIGINT NOT NULL, 
	sha256 VARCHAR(64) NOT NULL, 
	content_type VARCHAR(255) NOT NULL, 
	update_us BIGINT NOT NULL, 
	staged VARCHAR(100), 
	CONSTRAINT pk_artifact PRIMARY KEY (run_id, path), 
	CONSTRAINT fk_artifact_run_id_run FOREIGN KEY(run_id) REFERENCES run (id) ON DELETE CASCADE
)
 WITHOUT ROWID

;
INSERT INTO "artifact" VALUES(1,'model/weights.bin',3,'abababababababababababababababababababababababababababababababab','',0,'staged-1');
INSERT INTO "artifact" VALUES(1,'models/m-0123456789abcdef0123456789abcdef/MLmodel',3,'cdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcd','',0,'staged-2');
CREATE TABLE artifact_upload (
	run_id INTEGER NOT NULL, 
	upload_id VARCHAR(64) NOT NULL, 
	path VARCHAR(1024) NOT NULL, 
	size BIGINT NOT NULL, 
	content_type VARCHAR(255) NOT NULL, 
	staged VARCHAR(100) NOT NULL, 
	update_us BIGINT NOT NULL, 
	CONSTRAINT pk_artifact_upload PRIMARY KEY (run_id, upload_id), 
	CONSTRAINT fk_artifact_upload_run_id_run FOREIGN KEY(run_id) REFERENCES run (id) ON DELETE CASCADE
);
CREATE TABLE attribute_key (
	id INTEGER NOT NULL, 
	name VARCHAR(500) NOT NULL, 
	CONSTRAINT pk_attribute_key PRIMARY KEY (id), 
	CONSTRAINT uq_attribute_key_name UNIQUE (name)
);
INSERT INTO "attribute_key" VALUES(1,'boolean');
INSERT INTO "attribute_key" VALUES(2,'float');
INSERT INTO "attribute_key" VALUES(3,'integer');
INSERT INTO "attribute_key" VALUES(4,'json');
INSERT INTO "attribute_key" VALUES(5,'nan');
INSERT INTO "attribute_key" VALUES(6,'text');
INSERT INTO "attribute_key" VALUES(7,'stage');
INSERT INTO "attribute_key" VALUES(8,'loss');
INSERT INTO "attribute_key" VALUES(9,'depth');
INSERT INTO "attribute_key" VALUES(10,'team');
INSERT INTO "attribute_key" VALUES(11,'acc');
CREATE TABLE dataset (
	id INTEGER NOT NULL, 
	experiment_id INTEGER NOT NULL, 
	name VARCHAR(500) NOT NULL, 
	digest VARCHAR(128) NOT NULL, 
	source_type VARCHAR(100) NOT NULL, 
	source TEXT NOT NULL, 
	schema TEXT NOT NULL, 
	profile TEXT NOT NULL, 
	CONSTRAINT pk_dataset PRIMARY KEY (id), 
	CONSTRAINT fk_dataset_experiment_id_experiment FOREIGN KEY(experiment_id) REFERENCES experiment (id) ON DELETE CASCADE, 
	CONSTRAINT uq_dataset_experiment_id_name_digest UNIQUE (experiment_id, name, digest)
);
INSERT INTO "dataset" VALUES(1,1,'digits','d1','local','digits.csv','','');
CREATE TABLE experiment (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	name VARCHAR(250) NOT NULL, 
	description TEXT NOT NULL, 
	create_us BIGINT NOT NULL, 
	update_us BIGINT NOT NULL, 
	delete_us BIGINT, 
	version INTEGER NOT NULL, 
	CONSTRAINT uq_experiment_name UNIQUE (name)
);
INSERT INTO "experiment" VALUES(0,'Default','',1795283372328906,1795283372328906,NULL,1);
INSERT INTO "experiment" VALUES(1,'digits','é
''quoted''',1769817600000000,1769817600000000,NULL,1);
CREATE TABLE experiment_number (
	id INTEGER NOT NULL, 
	last BIGINT NOT NULL, 
	CONSTRAINT pk_experiment_number PRIMARY KEY (id)
);
INSERT INTO "experiment_number" VALUES(1,1);
CREATE TABLE experiment_tag (
	experiment_id INTEGER NOT NULL, 
	"key" VARCHAR(250) NOT NULL, 
	value TEXT NOT NULL, 
	CONSTRAINT pk_experiment_tag PRIMARY KEY (experiment_id, "key"), 
	CONSTRAINT fk_experiment_tag_experiment_id_experiment FOREIGN KEY(experiment_id) REFERENCES experiment (id) ON DELETE CASCADE
);
INSERT INTO "experiment_tag" VALUES(1,'team','vision');
CREATE TABLE logged_model (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	model_id VARCHAR(34) NOT NULL, 
	run_id INTEGER NOT NULL, 
	run_key VARCHAR(64) NOT NULL, 
	experiment_id BIGINT NOT NULL, 
	name VARCHAR(250) NOT NULL, 
	status SMALLINT NOT NULL, 
	model_type VARCHAR(250) NOT NULL, 
	description BLOB NOT NULL, 
	sha256 VARCHAR(64) NOT NULL, 
	size BIGINT NOT NULL, 
	create_us BIGINT NOT NULL, 
	update_us BIGINT NOT NULL, 
	delete_us BIGINT, 
	CONSTRAINT fk_logged_model_run_id_run FOREIGN KEY(run_id) REFERENCES run (id) ON DELETE CASCADE, 
	CONSTRAINT uq_logged_model_model_id UNIQUE (model_id)
);
INSERT INTO "logged_model" VALUES(1,'m-0123456789abcdef0123456789abcdef',1,'0123456789abcdef0123456789abcdef',1,'digits/é',2,'classifier',X'4A07736B6C6561726E','e13079702c278345b71fc1e7572d675f3f7536f365b3cf31cd249a846f04f6d3',3,1769817600000000,1769817600000000,NULL);
CREATE TABLE logged_model_metric (
	model_id INTEGER NOT NULL, 
	key_id INTEGER NOT NULL, 
	dataset_name VARCHAR(500) NOT NULL, 
	dataset_digest VARCHAR(128) NOT NULL, 
	step BIGINT NOT NULL, 
	time_ms BIGINT NOT NULL, 
	is_last BOOLEAN NOT NULL, 
	value_kind SMALLINT NOT NULL, 
	value DOUBLE, 
	entry BLOB NOT NULL, 
	CONSTRAINT pk_logged_model_metric PRIMARY KEY (model_id, key_id, dataset_name, dataset_digest), 
	CONSTRAINT fk_logged_model_metric_key_id_attribute_key FOREIGN KEY(key_id) REFERENCES attribute_key (id), 
	CONSTRAINT fk_logged_model_metric_model_id_logged_model FOREIGN KEY(model_id) REFERENCES logged_model (id) ON DELETE CASCADE
);
INSERT INTO "logged_model_metric" VALUES(1,11,'','',1,5,0,2,NULL,X'6A120A0361636311000000000000F87F18012005');
INSERT INTO "logged_model_metric" VALUES(1,11,'digits','d1',2,6,1,0,0.0,X'6A1E0A03616363110000000000000080180220062A0664696769747332026431');
CREATE TABLE logged_model_param (
	model_id INTEGER NOT NULL, 
	key_id INTEGER NOT NULL, 
	kind SMALLINT NOT NULL, 
	text TEXT NOT NULL, 
	head VARCHAR(128) NOT NULL, 
	integer BIGINT, 
	number_kind SMALLINT, 
	number DOUBLE, 
	entry BLOB NOT NULL, 
	CONSTRAINT pk_logged_model_param PRIMARY KEY (model_id, key_id), 
	CONSTRAINT fk_logged_model_param_key_id_attribute_key FOREIGN KEY(key_id) REFERENCES attribute_key (id), 
	CONSTRAINT fk_logged_model_param_model_id_logged_model FOREIGN KEY(model_id) REFERENCES logged_model (id) ON DELETE CASCADE
);
INSERT INTO "logged_model_param" VALUES(1,9,2,'3','3',3,0,3.0,X'5A0B0A05646570746812021003');
CREATE TABLE logged_model_tag (
	model_id INTEGER NOT NULL, 
	key_id INTEGER NOT NULL, 
	value TEXT NOT NULL, 
	head VARCHAR(128) NOT NULL, 
	entry BLOB NOT NULL, 
	CONSTRAINT pk_logged_model_tag PRIMARY KEY (model_id, key_id), 
	CONSTRAINT fk_logged_model_tag_key_id_attribute_key FOREIGN KEY(key_id) REFERENCES attribute_key (id), 
	CONSTRAINT fk_logged_model_tag_model_id_logged_model FOREIGN KEY(model_id) REFERENCES logged_model (id) ON DELETE CASCADE
);
INSERT INTO "logged_model_tag" VALUES(1,10,'vision','vision',X'620E0A047465616D1206766973696F6E');
CREATE TABLE metric_chunk (
	series_id INTEGER NOT NULL, 
	sequence BIGINT NOT NULL, 
	count INTEGER NOT NULL, 
	summary BLOB, 
	data BLOB NOT NULL, 
	CONSTRAINT pk_metric_chunk PRIMARY KEY (series_id, sequence), 
	CONSTRAINT fk_metric_chunk_series_id_series FOREIGN KEY(series_id) REFERENCES series (id) ON DELETE CASCADE
);
INSERT INTO "metric_chunk" VALUES(1,0,3,NULL,X'00010000000000000005000000000000009A9999999999B93F02000000000000000600000000000000000000000000F07F020000000000000007000000000000000000000000000080AEEE86CA');
CREATE TABLE metric_rejection (
	run_id INTEGER NOT NULL, 
	writer_id VARCHAR(64) NOT NULL, 
	sequence BIGINT NOT NULL, 
	error BLOB NOT NULL, 
	CONSTRAINT pk_metric_rejection PRIMARY KEY (run_id, writer_id, sequence), 
	CONSTRAINT fk_metric_rejection_run_id_run FOREIGN KEY(run_id) REFERENCES run (id) ON DELETE CASCADE
)
 WITHOUT ROWID

;
INSERT INTO "metric_rejection" VALUES(1,'writer-1',5,X'72656675736564');
CREATE TABLE metric_writer (
	run_id INTEGER NOT NULL, 
	writer_id VARCHAR(64) NOT NULL, 
	sequence BIGINT NOT NULL, 
	update_us BIGINT NOT NULL, 
	CONSTRAINT pk_metric_writer PRIMARY KEY (run_id, writer_id), 
	CONSTRAINT fk_metric_writer_run_id_run FOREIGN KEY(run_id) REFERENCES run (id) ON DELETE CASCADE
)
 WITHOUT ROWID

;
INSERT INTO "metric_writer" VALUES(1,'writer-1',7,1769817600000000);
CREATE TABLE model_alias (
	model_id INTEGER NOT NULL, 
	alias VARCHAR(255) NOT NULL, 
	version_id INTEGER NOT NULL, 
	entry BLOB NOT NULL, 
	version_entry BLOB NOT NULL, 
	CONSTRAINT pk_model_alias PRIMARY KEY (model_id, alias), 
	CONSTRAINT fk_model_alias_model_id_registered_model FOREIGN KEY(model_id) REFERENCES registered_model (id) ON DELETE CASCADE, 
	CONSTRAINT fk_model_alias_version_id_model_version FOREIGN KEY(version_id) REFERENCES model_version (id) ON DELETE CASCADE
);
INSERT INTO "model_alias" VALUES(1,'champion',1,X'220C0A086368616D70696F6E1001',X'32086368616D70696F6E');
CREATE TABLE model_number (
	name VARCHAR(250) NOT NULL, 
	last BIGINT NOT NULL, 
	CONSTRAINT pk_model_number PRIMARY KEY (name)
);
INSERT INTO "model_number" VALUES('digits',2);
CREATE TABLE model_version (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	model_id INTEGER NOT NULL, 
	name VARCHAR(250) NOT NULL, 
	version BIGINT NOT NULL, 
	description TEXT NOT NULL, 
	model_card TEXT NOT NULL, 
	stage SMALLINT NOT NULL, 
	status SMALLINT NOT NULL, 
	status_message TEXT NOT NULL, 
	logged_model_id VARCHAR(34) NOT NULL, 
	run_id VARCHAR(64) NOT NULL, 
	path VARCHAR(1024) NOT NULL, 
	source_uri VARCHAR(2000) NOT NULL, 
	sha256 VARCHAR(64) NOT NULL, 
	size BIGINT NOT NULL, 
	user VARCHAR(250) NOT NULL, 
	lineage BLOB NOT NULL, 
	create_us BIGINT NOT NULL, 
	update_us BIGINT NOT NULL, 
	edition INTEGER NOT NULL, 
	CONSTRAINT fk_model_version_model_id_registered_model FOREIGN KEY(model_id) REFERENCES registered_model (id) ON DELETE CASCADE, 
	CONSTRAINT uq_model_version_model_id_version UNIQUE (model_id, version)
);
INSERT INTO "model_version" VALUES(1,1,'digits',1,'','# Digits',1,2,'','m-0123456789abcdef0123456789abcdef','0123456789abcdef0123456789abcdef','models/m-0123456789abcdef0123456789abcdef','','e13079702c278345b71fc1e7572d675f3f7536f365b3cf31cd249a846f04f6d3',3,'',X'8201370A1F0A06646967697473120264311A056C6F63616C220A6469676974732E6373761208747261696E696E671A0A0A0573706C6974120161',1769817600000000,1769817600000000,1);
INSERT INTO "model_version" VALUES(2,1,'digits',2,'','# Digits',1,2,'','','','','s3://bucket/digits','',0,'',X'',1769817600000000,1769817600000000,1);
CREATE TABLE model_version_tag (
	version_id INTEGER NOT NULL, 
	"key" VARCHAR(250) NOT NULL, 
	value TEXT NOT NULL, 
	head VARCHAR(128) NOT NULL, 
	entry BLOB NOT NULL, 
	CONSTRAINT pk_model_version_tag PRIMARY KEY (version_id, "key"), 
	CONSTRAINT fk_model_version_tag_version_id_model_version FOREIGN KEY(version_id) REFERENCES model_version (id) ON DELETE CASCADE
);
INSERT INTO "model_version_tag" VALUES(1,'stage','old','old',X'2A0C0A05737461676512036F6C64');
INSERT INTO "model_version_tag" VALUES(2,'stage','old','old',X'2A0C0A05737461676512036F6C64');
CREATE TABLE registered_model (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	name VARCHAR(250) NOT NULL, 
	description TEXT NOT NULL, 
	protection BLOB NOT NULL, 
	create_us BIGINT NOT NULL, 
	update_us BIGINT NOT NULL, 
	version INTEGER NOT NULL, 
	CONSTRAINT uq_registered_model_name UNIQUE (name)
);
INSERT INTO "registered_model" VALUES(1,'digits','é',X'2A110A086368616D70696F6E12050A03616461',1769817600000000,1769817600000000,4);
CREATE TABLE registered_model_tag (
	model_id INTEGER NOT NULL, 
	"key" VARCHAR(250) NOT NULL, 
	value TEXT NOT NULL, 
	head VARCHAR(128) NOT NULL, 
	entry BLOB NOT NULL, 
	CONSTRAINT pk_registered_model_tag PRIMARY KEY (model_id, "key"), 
	CONSTRAINT fk_registered_model_tag_model_id_registered_model FOREIGN KEY(model_id) REFERENCES registered_model (id) ON DELETE CASCADE
);
INSERT INTO "registered_model_tag" VALUES(1,'team','vision','vision',X'1A0E0A047465616D1206766973696F6E');
CREATE TABLE registry_clock (
	id INTEGER NOT NULL, 
	sequence BIGINT NOT NULL, 
	CONSTRAINT pk_registry_clock PRIMARY KEY (id)
);
INSERT INTO "registry_clock" VALUES(1,4);
CREATE TABLE registry_event (
	sequence BIGINT NOT NULL, 
	model_id BIGINT NOT NULL, 
	name VARCHAR(250) NOT NULL, 
	kind SMALLINT NOT NULL, 
	event BLOB NOT NULL, 
	CONSTRAINT pk_registry_event PRIMARY KEY (sequence)
);
INSERT INTO "registry_event" VALUES(1,1,'digits',1,X'080110011A0608808CF5CB062A06646967697473');
INSERT INTO "registry_event" VALUES(2,1,'digits',5,X'080210051A0608808CF5CB062A066469676974733001');
INSERT INTO "registry_event" VALUES(3,1,'digits',5,X'080310051A0608808CF5CB062A066469676974733002');
INSERT INTO "registry_event" VALUES(4,1,'digits',9,X'080410091A0608808CF5CB062A0664696769747330013A086368616D70696F6E4A0131');
CREATE TABLE replay (
	method VARCHAR(100) NOT NULL, 
	request_id VARCHAR(128) NOT NULL, 
	request_hash BLOB NOT NULL, 
	response BLOB NOT NULL, 
	create_us BIGINT NOT NULL, 
	CONSTRAINT pk_replay PRIMARY KEY (method, request_id)
);
INSERT INTO "replay" VALUES('milepost.v1.CreateRun','first-request',X'754978EE6C82F3044D6C1D50B1912DD720C4008DFAC3384F9CDD10063F39E237',X'0A2030313233343536373839616263646566303132333435363738396162636465661201311A05666972737420022A0608808CF5CB064203616461723E66696C653A2F2F2F6172746966616374732F312F30313233343536373839616263646566303132333435363738396162636465662F6172746966616374737A0608808CF5CB0682010608808CF5CB0692010131',1769817600000000);
CREATE TABLE "run" (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	run_id VARCHAR(64) NOT NULL, 
	experiment_id INTEGER NOT NULL, 
	name VARCHAR(250) NOT NULL, 
	state SMALLINT NOT NULL, 
	start_us BIGINT NOT NULL, 
	end_us BIGINT, 
	description TEXT NOT NULL, 
	user VARCHAR(250) NOT NULL, 
	parent_run_id VARCHAR(64) NOT NULL, 
	create_us BIGINT NOT NULL, 
	update_us BIGINT NOT NULL, 
	delete_us BIGINT, 
	deleted_with_experiment BOOLEAN NOT NULL, 
	version INTEGER NOT NULL, 
	purge_us BIGINT, 
	touch_us BIGINT NOT NULL, 
	CONSTRAINT fk_run_experiment_id_experiment FOREIGN KEY(experiment_id) REFERENCES experiment (id), 
	CONSTRAINT uq_run_run_id UNIQUE (run_id)
);
INSERT INTO "run" VALUES(1,'0123456789abcdef0123456789abcdef',1,'first',2,1769817600000000,NULL,'','ada','',1769817600000000,1769817600000000,NULL,0,1,NULL,1795283372538611);
CREATE TABLE run_input (
	id INTEGER NOT NULL, 
	run_id INTEGER NOT NULL, 
	dataset_id INTEGER NOT NULL, 
	context VARCHAR(250) NOT NULL, 
	CONSTRAINT pk_run_input PRIMARY KEY (id), 
	CONSTRAINT fk_run_input_dataset_id_dataset FOREIGN KEY(dataset_id) REFERENCES dataset (id) ON DELETE CASCADE, 
	CONSTRAINT fk_run_input_run_id_run FOREIGN KEY(run_id) REFERENCES run (id) ON DELETE CASCADE, 
	CONSTRAINT uq_run_input_run_id_dataset_id_context UNIQUE (run_id, dataset_id, context)
);
INSERT INTO "run_input" VALUES(1,1,1,'training');
CREATE TABLE run_input_tag (
	input_id INTEGER NOT NULL, 
	"key" VARCHAR(250) NOT NULL, 
	value TEXT NOT NULL, 
	CONSTRAINT pk_run_input_tag PRIMARY KEY (input_id, "key"), 
	CONSTRAINT fk_run_input_tag_input_id_run_input FOREIGN KEY(input_id) REFERENCES run_input (id) ON DELETE CASCADE
);
INSERT INTO "run_input_tag" VALUES(1,'split','a');
CREATE TABLE run_model (
	run_id INTEGER NOT NULL, 
	model_id VARCHAR(34) NOT NULL, 
	role SMALLINT NOT NULL, 
	entry BLOB NOT NULL, 
	CONSTRAINT pk_run_model PRIMARY KEY (run_id, model_id, role), 
	CONSTRAINT fk_run_model_run_id_run FOREIGN KEY(run_id) REFERENCES run (id) ON DELETE CASCADE
)
 WITHOUT ROWID

;
INSERT INTO "run_model" VALUES(1,'m-0123456789abcdef0123456789abcdef',1,X'9A01240A226D2D3031323334353637383961626364656630313233343536373839616263646566');
INSERT INTO "run_model" VALUES(1,'m-0123456789abcdef0123456789abcdef',2,X'A201260A226D2D30313233343536373839616263646566303132333435363738396162636465661007');
CREATE TABLE "run_param" (
	run_id INTEGER NOT NULL, 
	key_id INTEGER NOT NULL, 
	kind SMALLINT NOT NULL, 
	text TEXT NOT NULL, 
	integer BIGINT, 
	number_kind SMALLINT, 
	number DOUBLE, 
	entry BLOB NOT NULL, 
	experiment_id BIGINT NOT NULL, 
	head VARCHAR(128) NOT NULL, 
	CONSTRAINT pk_run_param PRIMARY KEY (run_id, key_id), 
	CONSTRAINT fk_run_param_key_id_attribute_key FOREIGN KEY(key_id) REFERENCES attribute_key (id), 
	CONSTRAINT fk_run_param_run_id_run FOREIGN KEY(run_id) REFERENCES run (id) ON DELETE CASCADE
)
 WITHOUT ROWID

;
INSERT INTO "run_param" VALUES(1,1,4,'true',1,NULL,NULL,X'520D0A07626F6F6C65616E12022001',1,'true');
INSERT INTO "run_param" VALUES(1,2,3,'-0.0',NULL,0,0.0,X'52120A05666C6F61741209190000000000000080',1,'-0.0');
INSERT INTO "run_param" VALUES(1,3,2,'9223372036854775807',9223372036854775807,0,9.2233720368547758078e+18,X'52150A07696E7465676572120A10FFFFFFFFFFFFFFFF7F',1,'9223372036854775807');
INSERT INTO "run_param" VALUES(1,4,5,'{"a": [1]}',NULL,NULL,NULL,X'52140A046A736F6E120C2A0A7B2261223A205B315D7D',1,'{"a": [1]}');
INSERT INTO "run_param" VALUES(1,5,3,'nan',NULL,2,NULL,X'52100A036E616E120919000000000000F87F',1,'nan');
INSERT INTO "run_param" VALUES(1,6,1,'1',NULL,NULL,NULL,X'520B0A047465787412030A0131',1,'1');
CREATE TABLE "run_tag" (
	run_id INTEGER NOT NULL, 
	key_id INTEGER NOT NULL, 
	value TEXT NOT NULL, 
	entry BLOB NOT NULL, 
	experiment_id BIGINT NOT NULL, 
	head VARCHAR(128) NOT NULL, 
	CONSTRAINT pk_run_tag PRIMARY KEY (run_id, key_id), 
	CONSTRAINT fk_run_tag_key_id_attribute_key FOREIGN KEY(key_id) REFERENCES attribute_key (id), 
	CONSTRAINT fk_run_tag_run_id_run FOREIGN KEY(run_id) REFERENCES run (id) ON DELETE CASCADE
)
 WITHOUT ROWID

;
INSERT INTO "run_tag" VALUES(1,7,'old',X'5A0C0A05737461676512036F6C64',1,'old');
CREATE TABLE "series" (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	run_id INTEGER NOT NULL, 
	key_id INTEGER NOT NULL, 
	entry BLOB NOT NULL, 
	count BIGINT NOT NULL, 
	last_kind SMALLINT, 
	last_value DOUBLE, 
	first_kind SMALLINT, 
	first_value DOUBLE, 
	min_kind SMALLINT, 
	min_value DOUBLE, 
	max_kind SMALLINT, 
	max_value DOUBLE, 
	fold_us BIGINT, 
	min_step BIGINT, 
	max_step BIGINT, 
	experiment_id BIGINT NOT NULL, 
	next_sequence BIGINT NOT NULL, 
	epoch INTEGER NOT NULL, 
	open_sequence BIGINT NOT NULL, 
	small_chunks INTEGER NOT NULL, 
	nan_count BIGINT NOT NULL, 
	first_step BIGINT NOT NULL, 
	last_step BIGINT NOT NULL, high_time_ms BIGINT, 
	CONSTRAINT fk_series_key_id_attribute_key FOREIGN KEY(key_id) REFERENCES attribute_key (id), 
	CONSTRAINT uq_series_run_id_key_id UNIQUE (run_id, key_id), 
	CONSTRAINT fk_series_run_id_run FOREIGN KEY(run_id) REFERENCES run (id) ON DELETE CASCADE
);
INSERT INTO "series" VALUES(1,1,8,X'623A0A046C6F7373123209000000000000008010021807219A9999999999B93F2801310000000000000080380241000000000000F07F480250036005',3,0,0.0,0,0.1,0,0.0,1,1.79769313486231562234e+308,NULL,2,2,1,3,0,0,1,0,1,2,7);
CREATE TABLE webhook (
	id INTEGER NOT NULL, 
	webhook_id VARCHAR(64) NOT NULL, 
	definition BLOB NOT NULL, 
	secret VARCHAR(250) NOT NULL, 
	state SMALLINT NOT NULL, 
	create_us BIGINT NOT NULL, 
	update_us BIGINT NOT NULL, 
	sequence BIGINT NOT NULL, 
	attempts INTEGER NOT NULL, 
	first_try_us BIGINT, 
	retry_us BIGINT, 
	lease_us BIGINT NOT NULL, 
	CONSTRAINT pk_webhook PRIMARY KEY (id), 
	CONSTRAINT uq_webhook_webhook_id UNIQUE (webhook_id)
);
INSERT INTO "webhook" VALUES(1,'webhook-1',X'1204686F6F6B221868747470733A2F2F6578616D706C652E6F72672F686F6F6B70027A0E70726F6D70742E63726561746564','ssssssssssssssssssssssssssssssss',2,1769817600000000,1769817600000000,1,0,NULL,NULL,0);
CREATE TABLE webhook_delivery (
	id INTEGER NOT NULL, 
	webhook_id INTEGER NOT NULL, 
	time_us BIGINT NOT NULL, 
	delivery BLOB NOT NULL, 
	CONSTRAINT pk_webhook_delivery PRIMARY KEY (id), 
	CONSTRAINT fk_webhook_delivery_webhook_id_webhook FOREIGN KEY(webhook_id) REFERENCES webhook (id) ON DELETE CASCADE
);
INSERT INTO "webhook_delivery" VALUES(1,1,1769817600000000,X'080120CC01');
CREATE INDEX ix_replay_create_us ON replay (create_us);
CREATE INDEX ix_artifact_staged ON artifact (staged) WHERE staged IS NOT NULL;
CREATE INDEX ix_artifact_upload_update_us ON artifact_upload (update_us);
CREATE INDEX ix_run_input_dataset_id ON run_input (dataset_id);
CREATE INDEX ix_run_parent_run_id ON run (parent_run_id);
CREATE INDEX ix_run_experiment_id_run_touch_us ON run (experiment_id, touch_us);
CREATE INDEX ix_series_fold_us ON series (fold_us);
CREATE INDEX ix_run_start ON run (experiment_id, start_us, id);
CREATE INDEX ix_run_start_anywhere ON run (start_us, id);
CREATE INDEX ix_run_deleted ON run (experiment_id, delete_us, id);
CREATE INDEX ix_run_param_head ON run_param (key_id, experiment_id, kind, head, run_id);
CREATE INDEX ix_run_tag_head ON run_tag (key_id, experiment_id, head, run_id);
CREATE INDEX ix_run_param_number ON run_param (key_id, experiment_id, number, run_id) WHERE number IS NOT NULL;
CREATE INDEX ix_series_last ON series (key_id, experiment_id, last_value, run_id);
CREATE INDEX ix_series_min ON series (key_id, experiment_id, min_value, run_id);
CREATE INDEX ix_series_max ON series (key_id, experiment_id, max_value, run_id);
CREATE INDEX ix_registered_model_create_us ON registered_model (create_us);
CREATE INDEX ix_registered_model_tag_head ON registered_model_tag ("key", head, model_id);
CREATE INDEX ix_model_version_create_us ON model_version (create_us);
CREATE INDEX ix_model_version_name ON model_version (name, version);
CREATE INDEX ix_model_version_logged_model_id ON model_version (logged_model_id);
CREATE INDEX ix_model_version_run_id ON model_version (run_id);
CREATE INDEX ix_model_version_tag_head ON model_version_tag ("key", head, version_id);
CREATE INDEX ix_model_alias_alias ON model_alias (alias);
CREATE INDEX ix_model_alias_version_id ON model_alias (version_id);
CREATE INDEX ix_registry_event_model_id ON registry_event (model_id, sequence);
CREATE INDEX ix_registry_event_name ON registry_event (name, sequence);
CREATE INDEX ix_webhook_delivery_time_us ON webhook_delivery (time_us);
CREATE INDEX ix_webhook_delivery_webhook_id ON webhook_delivery (webhook_id, id);
CREATE INDEX ix_logged_model_create_us ON logged_model (create_us, id);
CREATE INDEX ix_logged_model_experiment_id ON logged_model (experiment_id, create_us, id);
CREATE INDEX ix_logged_model_run_id ON logged_model (run_id, id);
CREATE INDEX ix_logged_model_run_key ON logged_model (run_key, name, create_us, id);
CREATE INDEX ix_logged_model_param_head ON logged_model_param (key_id, kind, head, model_id);
CREATE INDEX ix_logged_model_tag_head ON logged_model_tag (key_id, head, model_id);
CREATE INDEX ix_logged_model_metric_value ON logged_model_metric (key_id, value, model_id);
DELETE FROM "sqlite_sequence";
INSERT INTO "sqlite_sequence" VALUES('experiment',1);
INSERT INTO "sqlite_sequence" VALUES('run',1);
INSERT INTO "sqlite_sequence" VALUES('series',1);
INSERT INTO "sqlite_sequence" VALUES('logged_model',1);
INSERT INTO "sqlite_sequence" VALUES('registered_model',1);
INSERT INTO "sqlite_sequence" VALUES('model_version',2);
COMMIT;
