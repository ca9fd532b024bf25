/* The files of the demo model as read-only data. Paths are the build's. */
        .section .rodata
        .global attention_demo_config_begin
        .global attention_demo_config_end
        .global attention_demo_weights_begin
        .global attention_demo_weights_end

attention_demo_config_begin:
        .incbin "config.json"
attention_demo_config_end:

        .balign 4096
attention_demo_weights_begin:
        .incbin "model.safetensors"
attention_demo_weights_end:

        .section .note.GNU-stack,"",%progbits
