"""Every catalog of PostgreSQL 13 to 18, column by column, and what becomes of what is not read.

Data only. A column that stands in none of a catalog's lists is read by a kind of object: which one
is found in the kinds themselves (`coverage.py`), so that nothing has to be said twice.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

# What is left out, and why.
CLOSED = "closed to a plain role"
CURRENT = "how far something has come, not how it is made"
DATA = "data, as rows are"
DERIVED = "follows from what is compared"
HOST = "told by the host's libraries, not by the schema"
INTERNAL = "bookkeeping of the server"
LIKE = "a dump and restore does not keep it, and nothing depends on it"
STORED = "where and how it lies on disk"

VIEWDEF = "pg_get_viewdef, pg_get_ruledef"


@dataclass(frozen=True, slots=True)
class Catalog:
    """One catalog: its columns, and those of them that no kind reads by name.

    columns: names; `name:14` is there from 14 on, `name:-14` up to 14, `name:15-16` between.
    joins: what only leads from one row to another: names are compared, never numbers.
    through: function → the columns that its answer tells.
    out: reason → the columns that are left out.
    seen_as: the view that a plain role reads in its place.
    """

    name: str
    columns: str
    joins: str = ""
    through: Mapping[str, str] = field(default_factory=dict)
    out: Mapping[str, str] = field(default_factory=dict)
    seen_as: str = ""


CATALOGS: tuple[Catalog, ...] = (
    Catalog(
        "pg_aggregate",
        """aggfnoid aggkind aggnumdirectargs aggtransfn aggfinalfn aggcombinefn aggserialfn
        aggdeserialfn aggmtransfn aggminvtransfn aggmfinalfn aggfinalextra aggmfinalextra
        aggfinalmodify aggmfinalmodify aggsortop aggtranstype aggtransspace aggmtranstype
        aggmtransspace agginitval aggminitval""",
        joins="aggfnoid",
        through={"pg_get_function_identity_arguments": "aggnumdirectargs"},
    ),
    Catalog("pg_am", "oid amname amhandler amtype", joins="oid"),
    Catalog(
        "pg_amop",
        """oid amopfamily amoplefttype amoprighttype amopstrategy amoppurpose amopopr amopmethod
        amopsortfamily""",
        joins="oid amopfamily",
        out={DERIVED: "amopmethod amoplefttype amoprighttype amoppurpose"},
    ),
    Catalog(
        "pg_amproc",
        "oid amprocfamily amproclefttype amprocrighttype amprocnum amproc",
        joins="oid amprocfamily",
    ),
    Catalog("pg_attrdef", "oid adrelid adnum adbin", joins="oid adrelid adnum"),
    Catalog(
        "pg_attribute",
        """attrelid attname atttypid attstattarget attlen attnum attndims attcacheoff:-17 atttypmod
        attbyval attstorage attalign attnotnull atthasdef atthasmissing attidentity attgenerated
        attisdropped attislocal attinhcount attcollation attacl attoptions attfdwoptions
        attmissingval attcompression:14""",
        joins="attrelid attisdropped atthasdef",
        out={
            DERIVED: "attlen attbyval attalign attinhcount",
            DATA: "atthasmissing attmissingval",
            LIKE: "attndims",
            INTERNAL: "attcacheoff",
        },
    ),
    Catalog(
        "pg_auth_members",
        "oid:16 roleid member grantor admin_option inherit_option:16 set_option:16",
        joins="oid",
        out={"a membership is the same, whoever gave it": "grantor"},
    ),
    Catalog(
        "pg_authid",
        """oid rolname rolsuper rolinherit rolcreaterole rolcreatedb rolcanlogin rolreplication
        rolbypassrls rolconnlimit rolpassword rolvaliduntil""",
        joins="oid",
        out={CLOSED: "rolpassword"},
        seen_as="pg_roles",
    ),
    Catalog("pg_cast", "oid castsource casttarget castfunc castcontext castmethod", joins="oid"),
    Catalog(
        "pg_class",
        """oid relname relnamespace reltype reloftype relowner relam relfilenode reltablespace
        relpages reltuples relallvisible relallfrozen:18 reltoastrelid relhasindex relisshared
        relpersistence relkind relnatts relchecks relhasrules relhastriggers relhassubclass
        relrowsecurity relforcerowsecurity relispopulated relreplident relispartition relrewrite
        relfrozenxid relminmxid relacl reloptions relpartbound""",
        joins="oid relnamespace reltoastrelid relispartition",
        out={
            DERIVED: """reltype relhasindex relisshared relnatts relchecks relhasrules
                relhastriggers relhassubclass""",
            STORED: "relfilenode relpages reltuples relallvisible relallfrozen relrewrite",
            INTERNAL: "relfrozenxid relminmxid",
            DATA: "relispopulated",
        },
    ),
    Catalog(
        "pg_collation",
        """oid collname collnamespace collowner collprovider collisdeterministic collencoding
        collcollate collctype collversion colliculocale:15-16 colllocale:17 collicurules:16""",
        joins="oid collnamespace",
    ),
    Catalog(
        "pg_constraint",
        """oid conname connamespace contype condeferrable condeferred convalidated conenforced:18
        conrelid contypid conindid conparentid confrelid confupdtype confdeltype confmatchtype
        conislocal coninhcount connoinherit conperiod:18 conkey confkey conpfeqop conppeqop
        conffeqop confdelsetcols:15 conexclop conbin""",
        joins="oid conrelid contypid conindid conparentid",
        through={
            "pg_get_constraintdef": """condeferrable condeferred convalidated conenforced confrelid
                confupdtype confdeltype confmatchtype connoinherit conperiod conkey confkey
                confdelsetcols conexclop conbin""",
        },
        out={DERIVED: "connamespace conislocal coninhcount conpfeqop conppeqop conffeqop"},
    ),
    Catalog(
        "pg_conversion",
        """oid conname connamespace conowner conforencoding contoencoding conproc condefault""",
        joins="oid connamespace",
    ),
    Catalog(
        "pg_database",
        """oid datname datdba encoding datcollate datctype datistemplate datallowconn datconnlimit
        datlastsysoid:-14 datfrozenxid datminmxid dattablespace datacl datlocprovider:15
        daticulocale:15-16 datlocale:17 daticurules:16 datcollversion:15 dathasloginevt:17""",
        joins="oid",
        out={
            INTERNAL: "datlastsysoid datfrozenxid datminmxid",
            DERIVED: "dathasloginevt",
            HOST: "datcollversion",
        },
    ),
    Catalog("pg_db_role_setting", "setdatabase setrole setconfig"),
    Catalog(
        "pg_default_acl",
        "oid defaclrole defaclnamespace defaclobjtype defaclacl",
        joins="oid defaclnamespace",
    ),
    Catalog(
        "pg_depend",
        "classid objid objsubid refclassid refobjid refobjsubid deptype",
        joins="classid objid objsubid refclassid refobjid refobjsubid deptype",
    ),
    Catalog(
        "pg_description",
        "objoid classoid objsubid description",
        joins="objoid classoid objsubid",
    ),
    Catalog("pg_enum", "oid enumtypid enumsortorder enumlabel", joins="oid enumtypid"),
    Catalog(
        "pg_event_trigger",
        "oid evtname evtevent evtowner evtfoid evtenabled evttags",
        joins="oid",
    ),
    Catalog(
        "pg_extension",
        "oid extname extowner extnamespace extrelocatable extversion extconfig extcondition",
        joins="oid extnamespace",
        out={"a dump does not carry it: whoever restores one owns every extension": "extowner"},
    ),
    Catalog(
        "pg_foreign_data_wrapper",
        "oid fdwname fdwowner fdwhandler fdwvalidator fdwacl fdwoptions",
        joins="oid",
    ),
    Catalog(
        "pg_foreign_server",
        "oid srvname srvowner srvfdw srvtype srvversion srvacl srvoptions",
        joins="oid srvfdw",
    ),
    Catalog("pg_foreign_table", "ftrelid ftserver ftoptions", joins="ftrelid ftserver"),
    Catalog(
        "pg_index",
        """indexrelid indrelid indnatts indnkeyatts indisunique indnullsnotdistinct:15 indisprimary
        indisexclusion indimmediate indisclustered indisvalid indcheckxmin indisready indislive
        indisreplident indkey indcollation indclass indoption indexprs indpred""",
        joins="indexrelid indrelid",
        through={
            "pg_get_indexdef": """indnatts indnkeyatts indnullsnotdistinct indkey indcollation
                indclass indoption indexprs indpred""",
            "pg_get_constraintdef": "indisprimary indisexclusion indimmediate",
        },
        out={INTERNAL: "indcheckxmin"},
    ),
    Catalog(
        "pg_inherits",
        "inhrelid inhparent inhseqno inhdetachpending:14",
        joins="inhrelid",
    ),
    Catalog(
        "pg_init_privs",
        "objoid classoid objsubid privtype initprivs",
        joins="objoid classoid objsubid",
        out={DERIVED: "privtype"},
    ),
    Catalog(
        "pg_language",
        "oid lanname lanowner lanispl lanpltrusted lanplcallfoid laninline lanvalidator lanacl",
        joins="oid",
        out={DERIVED: "lanispl"},
    ),
    Catalog("pg_largeobject", "loid pageno data", out={DATA: "loid pageno data"}),
    Catalog("pg_largeobject_metadata", "oid lomowner lomacl", out={DATA: "oid lomowner lomacl"}),
    Catalog("pg_namespace", "oid nspname nspowner nspacl", joins="oid"),
    Catalog(
        "pg_opclass",
        "oid opcmethod opcname opcnamespace opcowner opcfamily opcintype opcdefault opckeytype",
        joins="oid opcnamespace",
    ),
    Catalog(
        "pg_operator",
        """oid oprname oprnamespace oprowner oprkind oprcanmerge oprcanhash oprleft oprright
        oprresult oprcom oprnegate oprcode oprrest oprjoin""",
        joins="oid oprnamespace",
        out={DERIVED: "oprkind"},
    ),
    Catalog(
        "pg_opfamily",
        "oid opfmethod opfname opfnamespace opfowner",
        joins="oid opfnamespace",
    ),
    Catalog("pg_parameter_acl", "oid:15 parname:15 paracl:15", joins="oid"),
    Catalog(
        "pg_partitioned_table",
        "partrelid partstrat partnatts partdefid partattrs partclass partcollation partexprs",
        joins="partrelid",
        through={
            "pg_get_partkeydef": "partstrat partnatts partattrs partclass partcollation partexprs",
            "pg_get_expr of the partition's bound": "partdefid",
        },
    ),
    Catalog(
        "pg_policy",
        "oid polname polrelid polcmd polpermissive polroles polqual polwithcheck",
        joins="oid polrelid",
    ),
    Catalog(
        "pg_proc",
        """oid proname pronamespace proowner prolang procost prorows provariadic prosupport prokind
        prosecdef proleakproof proisstrict proretset provolatile proparallel pronargs
        pronargdefaults prorettype proargtypes proallargtypes proargmodes proargnames proargdefaults
        protrftypes prosrc probin prosqlbody:14 proconfig proacl""",
        joins="oid pronamespace prolang",
        through={
            "pg_get_function_arguments": """provariadic pronargs pronargdefaults proargtypes
                proallargtypes proargmodes proargnames proargdefaults""",
            "pg_get_function_result": "prorettype proretset",
            "pg_get_function_sqlbody": "prosqlbody",
        },
    ),
    Catalog(
        "pg_publication",
        """oid pubname pubowner puballtables pubinsert pubupdate pubdelete pubtruncate pubviaroot
        pubgencols:18""",
        joins="oid",
    ),
    Catalog(
        "pg_publication_namespace", "oid:15 pnpubid:15 pnnspid:15", joins="oid pnpubid pnnspid"
    ),
    Catalog(
        "pg_publication_rel",
        "oid prpubid prrelid prqual:15 prattrs:15",
        joins="oid prpubid prrelid",
    ),
    Catalog(
        "pg_range",
        """rngtypid rngsubtype rngmultitypid:14 rngcollation rngsubopc rngcanonical rngsubdiff""",
        joins="rngtypid",
    ),
    Catalog(
        "pg_replication_origin",
        "roident roname",
        out={CURRENT: "roident roname"},
    ),
    Catalog(
        "pg_rewrite",
        "oid rulename ev_class ev_type ev_enabled is_instead ev_qual ev_action",
        joins="oid ev_class",
        through={VIEWDEF: "ev_type is_instead ev_qual ev_action"},
    ),
    Catalog(
        "pg_seclabel",
        "objoid classoid objsubid provider label",
        joins="objoid classoid objsubid",
    ),
    Catalog(
        "pg_sequence",
        "seqrelid seqtypid seqstart seqincrement seqmax seqmin seqcache seqcycle",
        joins="seqrelid",
    ),
    Catalog(
        "pg_shdepend",
        "dbid classid objid objsubid refclassid refobjid deptype",
        out={DERIVED: "dbid classid objid objsubid refclassid refobjid deptype"},
    ),
    Catalog(
        "pg_shdescription",
        "objoid classoid description",
        joins="objoid classoid",
        through={"shobj_description": "description"},
    ),
    Catalog(
        "pg_shseclabel",
        "objoid classoid provider label",
        out={"labels of roles, databases and tablespaces": "objoid classoid provider label"},
    ),
    Catalog(
        "pg_statistic",
        """starelid staattnum stainherit stanullfrac stawidth stadistinct stakind1 stakind2 stakind3
        stakind4 stakind5 staop1 staop2 staop3 staop4 staop5 stacoll1 stacoll2 stacoll3 stacoll4
        stacoll5 stanumbers1 stanumbers2 stanumbers3 stanumbers4 stanumbers5 stavalues1 stavalues2
        stavalues3 stavalues4 stavalues5""",
        out={DATA: "*"},
    ),
    Catalog(
        "pg_statistic_ext",
        """oid stxrelid stxname stxnamespace stxowner stxstattarget stxkeys stxkind stxexprs:14""",
        joins="oid stxnamespace",
        through={"pg_get_statisticsobjdef": "stxkeys stxkind stxexprs"},
    ),
    Catalog(
        "pg_statistic_ext_data",
        "stxoid stxdinherit:15 stxdndistinct stxddependencies stxdmcv stxdexpr:14",
        out={DATA: "*"},
    ),
    Catalog(
        "pg_subscription",
        """oid subdbid subskiplsn:15 subname subowner subenabled subbinary:14 substream:14
        subtwophasestate:15 subdisableonerr:15 subpasswordrequired:16 subrunasowner:16
        subfailover:17 subconninfo subslotname subsynccommit subpublications suborigin:16""",
        joins="oid subdbid",
        out={CURRENT: "subskiplsn", CLOSED: "subconninfo"},
    ),
    Catalog("pg_subscription_rel", "srsubid srrelid srsubstate srsublsn", out={CURRENT: "*"}),
    Catalog("pg_tablespace", "oid spcname spcowner spcacl spcoptions", joins="oid"),
    Catalog(
        "pg_transform",
        "oid trftype trflang trffromsql trftosql",
        joins="oid",
    ),
    Catalog(
        "pg_trigger",
        """oid tgrelid tgparentid tgname tgfoid tgtype tgenabled tgisinternal tgconstrrelid
        tgconstrindid tgconstraint tgdeferrable tginitdeferred tgnargs tgattr tgargs tgqual
        tgoldtable tgnewtable""",
        joins="oid tgrelid tgparentid tgconstraint tgisinternal",
        through={
            "pg_get_triggerdef": """tgfoid tgtype tgconstrrelid tgdeferrable tginitdeferred tgnargs
                tgattr tgargs tgqual tgoldtable tgnewtable"""
        },
        out={DERIVED: "tgconstrindid"},
    ),
    Catalog(
        "pg_ts_config", "oid cfgname cfgnamespace cfgowner cfgparser", joins="oid cfgnamespace"
    ),
    Catalog("pg_ts_config_map", "mapcfg maptokentype mapseqno mapdict", joins="mapcfg"),
    Catalog(
        "pg_ts_dict",
        "oid dictname dictnamespace dictowner dicttemplate dictinitoption",
        joins="oid dictnamespace",
    ),
    Catalog(
        "pg_ts_parser",
        "oid prsname prsnamespace prsstart prstoken prsend prsheadline prslextype",
        joins="oid prsnamespace",
    ),
    Catalog(
        "pg_ts_template",
        "oid tmplname tmplnamespace tmplinit tmpllexize",
        joins="oid tmplnamespace",
    ),
    Catalog(
        "pg_type",
        """oid typname typnamespace typowner typlen typbyval typtype typcategory typispreferred
        typisdefined typdelim typrelid typsubscript:14 typelem typarray typinput typoutput
        typreceive typsend typmodin typmodout typanalyze typalign typstorage typnotnull typbasetype
        typtypmod typndims typcollation typdefaultbin typdefault typacl""",
        joins="oid typnamespace typrelid",
        out={DERIVED: "typarray", LIKE: "typndims"},
    ),
    Catalog(
        "pg_user_mapping",
        "oid umuser umserver umoptions",
        joins="oid umuser umserver",
        seen_as="pg_user_mappings",
    ),
)
