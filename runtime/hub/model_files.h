/* hub/model_files.h: the files of a model that Corbel reads, by role, as transformers names them:
 * what is fetched (select.c) and what a lock names (trust/lockfile_models.c). */
#ifndef HUB_MODEL_FILES_H
#define HUB_MODEL_FILES_H

#define MODEL_CONFIG_FILES                                                                        \
    "config.json", "generation_config.json", "preprocessor_config.json", "processor_config.json", \
        "modules.json", "sentence_bert_config.json", MODEL_POOLING_FOLDER "/config.json"
/* What modules.json may call the folder of its Pooling: as sentence-transformers does, after its
 * place behind the Transformer. */
#define MODEL_POOLING_FOLDER "1_Pooling"
#define MODEL_TOKENIZER_FILES                                                                  \
    "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json", \
        "chat_template.jinja", "chat_template.json"
/* What older repos have in place of tokenizer.json. */
#define MODEL_VOCABULARY_FILES "vocab.txt", "vocab.json", "merges.txt"
/* All that is in it. */
#define MODEL_TEMPLATES_FOLDER "additional_chat_templates/"
/* The first that is there is used: the order of checkpoint_open. */
#define MODEL_WEIGHT_FILES                                                    \
    "model.safetensors", "model.safetensors.index.json", "pytorch_model.bin", \
        "pytorch_model.bin.index.json"

#endif
